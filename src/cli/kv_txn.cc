// prism kv txn: a script as one transaction.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <vector>

#include "base/base64.h"
#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/record.h"

namespace prism::cli {
namespace {

struct TxnArguments {
  std::string ns;
  std::string script = "-";
  std::optional<std::chrono::milliseconds> txn_timeout;
};

Error AtLine(const Error& error, std::uint64_t line) {
  Error located(error.code(), error.reason(), fmt::format("line {}: {}", line, error.message()));
  for (const auto& [key, value] : error.metadata()) located = std::move(located).With(key, value);
  return located;
}

struct NumberedStep {
  std::uint64_t line;
  Step step;
};

// The whole script is read before the transaction begins: a slow pipe must not eat its time, and a
// mistake in the last line must not open one.
Result<std::vector<NumberedStep>> ReadScript(const std::string& path) {
  TRY_ASSIGN(LineReader reader, LineReader::Open(path));
  SystemClock clock;
  std::vector<NumberedStep> steps;
  while (true) {
    TRY_ASSIGN(const std::optional<std::string> line, reader.Next());
    if (!line) return steps;
    Result<std::optional<Step>> step = ParseStep(*line, clock.Now());
    if (!step) return std::unexpected(AtLine(step.error(), reader.line()));
    if (*step) steps.push_back({.line = reader.line(), .step = **std::move(step)});
  }
}

// A transaction on the server; rolls back unless it was committed.
class Transaction {
 public:
  Transaction(Shell& shell, std::string ns) : shell_(shell), ns_(std::move(ns)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (handle_.empty()) return;
    kvpb::RollbackRequest request;
    kvpb::RollbackResponse response;
    request.set_namespace_(ns_);
    request.set_transaction(handle_);
    // When this fails the transaction rolls back at its timeout; the error that led here has been
    // told.
    static_cast<void>(shell_.Call(KvPath("KeyValueTransactional/Rollback"), request, response));
  }

  Status Begin(const std::optional<std::chrono::milliseconds>& timeout) {
    kvpb::BeginTransactionRequest request;
    request.set_namespace_(ns_);
    if (timeout) SetDuration(*timeout, *request.mutable_timeout());
    kvpb::BeginTransactionResponse response;
    TRY(shell_.Call(KvPath("KeyValueTransactional/BeginTransaction"), request, response));
    handle_ = response.transaction();
    return {};
  }

  Result<kvpb::GetInTransactionResponse> Get(const Record& record) {
    kvpb::GetInTransactionRequest request;
    kvpb::GetInTransactionResponse response;
    Address(record, request);
    TRY(shell_.Call(KvPath("KeyValueTransactional/GetInTransaction"), request, response));
    return response;
  }

  Status Set(const Record& record) {
    kvpb::SetInTransactionRequest request;
    kvpb::SetInTransactionResponse response;
    Address(record, request);
    request.set_value(record.value);
    if (record.ttl) SetDuration(*record.ttl, *request.mutable_ttl());
    request.mutable_tags()->insert(record.tags.begin(), record.tags.end());
    TRY(shell_.Call(KvPath("KeyValueTransactional/SetInTransaction"), request, response));
    return {};
  }

  Status Delete(const Record& record) {
    kvpb::DeleteInTransactionRequest request;
    kvpb::DeleteInTransactionResponse response;
    Address(record, request);
    TRY(shell_.Call(KvPath("KeyValueTransactional/DeleteInTransaction"), request, response));
    return {};
  }

  Result<std::string> Commit(kvpb::CommitResponse& response) {
    kvpb::CommitRequest request;
    request.set_namespace_(ns_);
    request.set_transaction(handle_);
    request.set_request_id(shell_.options.request_id);
    // Whatever the answer is, there is nothing left to roll back.
    handle_.clear();
    TRY_ASSIGN(const rpc::Reply reply,
               shell_.Call(KvPath("KeyValueTransactional/Commit"), request, response));
    return std::string(reply.Header("prism-durability"));
  }

 private:
  template <class Request>
  void Address(const Record& record, Request& request) const {
    request.set_namespace_(ns_);
    request.set_transaction(handle_);
    request.set_key(record.key);
  }

  Shell& shell_;
  std::string ns_;
  std::string handle_;
};

// What the script read and wrote; shown after the commit, since before it nothing has happened.
struct Outcome {
  struct Row {
    std::string op;
    std::string key;
    std::optional<std::string> value;  // of a get; nothing: absent
  };
  std::vector<Row> rows;
};

Status RunStep(Transaction& transaction, const Step& step, Outcome& outcome) {
  switch (step.kind) {
    case Step::Kind::kGet: {
      TRY_ASSIGN(kvpb::GetInTransactionResponse found, transaction.Get(step.record));
      std::optional<std::string> value;
      if (found.found()) value = std::move(*found.mutable_value());
      outcome.rows.push_back({.op = "get", .key = step.record.key, .value = std::move(value)});
      return {};
    }
    case Step::Kind::kSet:
      TRY(transaction.Set(step.record));
      outcome.rows.push_back({.op = "set", .key = step.record.key, .value = std::nullopt});
      return {};
    case Step::Kind::kDelete:
      TRY(transaction.Delete(step.record));
      outcome.rows.push_back({.op = "delete", .key = step.record.key, .value = std::nullopt});
      return {};
  }
  return {};
}

void PrintJson(const Outcome& outcome, const kvpb::CommitResponse& committed,
               const std::string& durability) {
  for (const Outcome::Row& row : outcome.rows) {
    nlohmann::ordered_json json = {{"op", row.op}, {"key", row.key}};
    if (row.op == "get") json["found"] = row.value.has_value();
    if (row.value) json["value"] = base::Base64Encode(*row.value);
    WriteLine(DumpJson(json));
  }
  nlohmann::ordered_json end = {{"committed", true}};
  if (!durability.empty()) end["durability"] = durability;
  end["versions"] =
      std::map<std::string, std::string>(committed.versions().begin(), committed.versions().end());
  WriteLine(DumpJson(end));
}

void PrintTable(const Outcome& outcome, const kvpb::CommitResponse& committed,
                const std::string& durability) {
  constexpr std::size_t kValueColumns = 60;
  Table table({"OP", "KEY", "RESULT"});
  for (const Outcome::Row& row : outcome.rows) {
    std::string result = "deleted";
    if (row.op == "get") result = row.value ? Shortened(*row.value, kValueColumns) : "(absent)";
    if (row.op == "set") {
      const auto version = committed.versions().find(row.key);
      result = version == committed.versions().end() ? "overwritten"
                                                     : "version " + Printable(version->second);
    }
    table.Add({row.op, Printable(row.key), std::move(result)});
  }
  table.Flush();
  WriteLine(durability.empty() ? "committed" : "committed, " + Printable(durability));
}

int RunTxn(Shell& shell, const TxnArguments& arguments) {
  Result<std::vector<NumberedStep>> steps = ReadScript(arguments.script);
  if (!steps) return shell.Fail(steps.error());
  Transaction transaction(shell, arguments.ns);
  if (Status begun = transaction.Begin(arguments.txn_timeout); !begun)
    return shell.Fail(begun.error());
  Outcome outcome;
  for (const NumberedStep& numbered : *steps) {
    if (Status done = RunStep(transaction, numbered.step, outcome); !done) {
      return shell.Fail(AtLine(done.error(), numbered.line));
    }
  }
  kvpb::CommitResponse committed;
  const Result<std::string> durability = transaction.Commit(committed);
  if (!durability) return shell.Fail(durability.error());
  if (shell.json()) {
    PrintJson(outcome, committed, *durability);
  } else {
    PrintTable(outcome, committed, *durability);
  }
  return kDone;
}

}  // namespace

void AddKvTxn(CLI::App& kv, Shell& shell) {
  CLI::App* verb =
      kv.add_subcommand("txn", "Run a script as one transaction: all of it is applied, or nothing");
  auto arguments = std::make_shared<TxnArguments>();
  AddNamespace(*verb, arguments->ns);
  verb->add_option("SCRIPT", arguments->script, "File with one step a line; - reads standard input")
      ->capture_default_str();
  AddDuration(*verb, "--txn-timeout", arguments->txn_timeout,
              "Roll back by itself after this long, at most 60s; default: 10s");
  verb->footer(
      "Steps: get KEY, set KEY VALUE, delete KEY; a key with spaces and a value with line ends as "
      "JSON strings;\n"
      "or JSON lines: {\"op\": \"set\", \"key\": \"a\", \"text\": \"b\", \"ttl\": \"10s\"} "
      "(\"value\" takes base64).\n"
      "Lines that begin with # and empty lines are skipped. At most 1000 keys and 4 MiB.\n"
      "Exit code 1 when something read was changed by others meanwhile: nothing is applied "
      "then.\n\n"
      "Example:\n"
      "  printf 'get stock\\nset stock 41\\nset order:7 open\\n' | prism kv txn default");
  shell.On(*verb, [&shell, arguments] { return RunTxn(shell, *arguments); });
}

}  // namespace prism::cli
