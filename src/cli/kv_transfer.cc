// prism kv import, export: JSON lines in and out of a namespace.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <vector>

#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/record.h"

namespace prism::cli {
namespace {

// One call: below the message limit of a default server even with a value of the largest size in
// it.
constexpr int kBatchItems = 500;
constexpr std::size_t kBatchBytes = 1u << 20;

struct ImportArguments {
  std::string ns;
  std::string file;
  std::uint64_t from_line = 1;
};

struct ImportCounts {
  std::uint64_t imported = 0;
  std::uint64_t expired = 0;  // skipped: their time was over
};

class Importer {
 public:
  Importer(Shell& shell, const ImportArguments& arguments, LineReader reader)
      : shell_(shell),
        arguments_(arguments),
        reader_(std::move(reader)),
        progress_("keys imported:", reader_.total_bytes()) {
    request_.set_namespace_(arguments.ns);
  }

  // An error names the line from which on another import continues: everything before it is stored.
  Status Run() {
    while (true) {
      Result<std::optional<std::string>> line = reader_.Next();
      // What was read before a bad line is stored first, so that the message is true.
      if (!line) {
        TRY(Send());
        return std::unexpected(Stop(line.error(), reader_.line()));
      }
      if (!*line) return Send();
      if (reader_.line() < arguments_.from_line || line->value().empty()) continue;
      Result<Record> record = ParseRecord(**line, clock_.Now());
      if (!record) {
        TRY(Send());
        return std::unexpected(Stop(record.error(), reader_.line()));
      }
      TRY(Take(*std::move(record)));
      progress_.Update(counts_.imported, reader_.bytes_read());
    }
  }
  const ImportCounts& counts() const { return counts_; }
  void ClearProgress() { progress_.Clear(); }

 private:
  Status Take(Record record) {
    if (record.ttl && record.ttl->count() <= 0) {
      ++counts_.expired;
      return {};
    }
    const std::size_t bytes = record.key.size() + record.value.size();
    if (request_.items_size() >= kBatchItems ||
        (request_.items_size() > 0 && bytes_ + bytes > kBatchBytes)) {
      TRY(Send());
    }
    bytes_ += bytes;
    lines_.push_back(reader_.line());
    kvpb::BatchSetRequest::Item& item = *request_.add_items();
    item.set_key(std::move(record.key));
    item.set_value(std::move(record.value));
    if (record.ttl) SetDuration(*record.ttl, *item.mutable_ttl());
    item.mutable_tags()->insert(record.tags.begin(), record.tags.end());
    return {};
  }

  Status Send() {
    if (request_.items_size() == 0) return {};
    kvpb::BatchSetResponse response;
    const Result<rpc::Reply> reply =
        shell_.Call(KvPath("KeyValueBatch/BatchSet"), request_, response);
    if (!reply) return std::unexpected(Stop(reply.error(), lines_.front()));
    if (response.items_size() != request_.items_size()) {
      return std::unexpected(
          Stop(Error(Code::kInternal, "MALFORMED_RESPONSE",
                     "the server answered for another number of keys than it was given"),
               lines_.front()));
    }
    for (int i = 0; i < response.items_size(); ++i) {
      const kvpb::ItemStatus& status = response.items(i).status();
      if (status.code() != 0) {
        return std::unexpected(
            Stop(Error(static_cast<Code>(status.code()), status.reason(), status.message()),
                 lines_[static_cast<std::size_t>(i)]));
      }
      ++counts_.imported;
    }
    request_.clear_items();
    lines_.clear();
    bytes_ = 0;
    return {};
  }

  static Error Stop(const Error& error, std::uint64_t line) {
    return Error(error.code(), error.reason(),
                 fmt::format("line {}: {}; everything before this line is stored: continue with "
                             "--from-line {}",
                             line, error.message(), line))
        .With("line", std::to_string(line));
  }

  Shell& shell_;
  const ImportArguments& arguments_;
  LineReader reader_;
  Progress progress_;
  SystemClock clock_;
  kvpb::BatchSetRequest request_;
  std::vector<std::uint64_t> lines_;  // of the items in request_
  std::size_t bytes_ = 0;
  ImportCounts counts_;
};

int RunImport(Shell& shell, const ImportArguments& arguments) {
  Result<LineReader> reader = LineReader::Open(arguments.file);
  if (!reader) return shell.Fail(reader.error());
  Importer importer(shell, arguments, *std::move(reader));
  const Status status = importer.Run();
  importer.ClearProgress();
  if (!status) return shell.Fail(status.error());
  const ImportCounts& counts = importer.counts();
  if (shell.json()) {
    WriteLine(DumpJson({{"imported", counts.imported}, {"expired", counts.expired}}));
  } else if (counts.expired == 0) {
    WriteLine(fmt::format("imported {} keys", counts.imported));
  } else {
    WriteLine(fmt::format("imported {} keys, left out {} that have expired", counts.imported,
                          counts.expired));
  }
  return kDone;
}

struct ExportArguments {
  std::string ns;
  std::string prefix;
  std::string page_token;
};

int RunExport(Shell& shell, const ExportArguments& arguments) {
  kvpb::ScanRequest request;
  request.set_namespace_(arguments.ns);
  request.set_prefix(arguments.prefix);
  request.set_page_token(arguments.page_token);
  Result<rpc::ClientStream> stream = shell.Stream(KvPath("KeyValueScan/Scan"), request);
  if (!stream) return shell.Fail(stream.error());

  Progress progress("keys exported:", 0);
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
  std::string page_token;
  kvpb::ScanResponse response;
  Result<bool> more = stream->Read(response);
  for (; more && *more; more = stream->Read(response)) {
    if (response.has_checkpoint()) page_token = response.checkpoint().page_token();
    if (!response.has_entry()) continue;
    const std::string line = DumpJson(EntryToJson(response.entry(), false));
    WriteLine(line);
    if (std::ferror(stdout) != 0) return kFailed;  // Shell::Run tells it
    bytes += line.size() + 1;
    // A terminal shows the lines themselves.
    if (!IsTerminal(stdout)) progress.Update(++keys, bytes);
  }
  progress.Clear();
  if (more) return kDone;
  if (page_token.empty()) return shell.Fail(more.error());
  return shell.Fail(Error(
      more.error().code(), more.error().reason(),
      fmt::format("{}; the lines so far are complete: append the rest with --page-token {} (some "
                  "lines may come twice, which an import does not mind)",
                  more.error().message(), page_token)));
}

}  // namespace

void AddKvTransfer(CLI::App& kv, Shell& shell) {
  CLI::App* import =
      kv.add_subcommand("import", "Store the keys of a file of JSON lines, as export writes them");
  auto in = std::make_shared<ImportArguments>();
  AddNamespace(*import, in->ns);
  import->add_option("FILE", in->file, "JSON lines; - reads standard input")->required();
  import
      ->add_option("--from-line", in->from_line,
                   "Skip the lines before this one, to continue an import")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return text.starts_with('-') || text == "0" ? std::string("lines count from 1")
                                                    : std::string();
      });
  import->footer(
      "A line: {\"key\": \"a\", \"value\": \"aGVsbG8=\", \"expire_time\": "
      "\"2026-11-21T05:00:00Z\", \"tags\": {\"owner\": "
      "\"web\"}}\n"
      "value is base64; \"text\": \"hello\" may stand for it, and \"ttl\": \"10s\" for "
      "expire_time. Existing keys are\n"
      "overwritten; keys whose time is over are left out. An import can be repeated without "
      "harm.\n\n"
      "Examples:\n"
      "  prism kv import default users.jsonl\n"
      "  prism kv export scratch | prism kv import default -");
  shell.On(*import, [&shell, in] { return RunImport(shell, *in); });

  CLI::App* exported = kv.add_subcommand("export", "Write keys as JSON lines to standard output");
  auto out = std::make_shared<ExportArguments>();
  AddNamespace(*exported, out->ns);
  exported->add_option("PREFIX", out->prefix, "What the keys begin with; default: all keys");
  exported->add_option("--page-token", out->page_token,
                       "Go on where an export of the same prefix broke off");
  exported->footer(
      "Not a snapshot: keys written meanwhile may or may not be in it.\n\n"
      "Example:\n"
      "  prism kv export default user: > users.jsonl");
  shell.On(*exported, [&shell, out] { return RunExport(shell, *out); });
}

}  // namespace prism::cli
