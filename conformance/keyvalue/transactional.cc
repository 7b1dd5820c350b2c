#include <google/protobuf/util/time_util.h>

#include <atomic>
#include <chrono>

#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

using google::protobuf::util::TimeUtil;

// One open transaction.
class Transaction {
 public:
  Transaction(Run& run, std::string handle) : run_(run), handle_(std::move(handle)) {}

  Status Set(std::string_view name, std::string_view value) {
    kv::SetInTransactionRequest request;
    request.set_transaction(handle_);
    request.set_key(run_.Key(name));
    request.set_value(std::string(value));
    return Done(run_.Call(request));
  }
  Status Delete(std::string_view name) {
    kv::DeleteInTransactionRequest request;
    request.set_transaction(handle_);
    request.set_key(run_.Key(name));
    return Done(run_.Call(request));
  }
  Result<kv::GetInTransactionResponse> Get(std::string_view name) {
    kv::GetInTransactionRequest request;
    request.set_transaction(handle_);
    request.set_key(run_.Key(name));
    return run_.Call(request);
  }
  Result<kv::CommitResponse> Commit() {
    kv::CommitRequest request;
    request.set_transaction(handle_);
    return run_.Call(request);
  }
  Status Rollback() {
    kv::RollbackRequest request;
    request.set_transaction(handle_);
    return Done(run_.Call(request));
  }

 private:
  template <class T>
  static Status Done(const Result<T>& result) {
    if (!result) return std::unexpected(result.error());
    return {};
  }

  Run& run_;
  std::string handle_;
};

Result<Transaction> Begin(Run& run,
                          std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
  kv::BeginTransactionRequest request;
  if (timeout.count() != 0)
    *request.mutable_timeout() = TimeUtil::MillisecondsToDuration(timeout.count());
  TRY_ASSIGN(const auto response, run.Call(request));
  MUST(!response.transaction().empty(), "BeginTransaction answers an empty handle");
  return Transaction(run, response.transaction());
}

// DS-13, DS-14, DS-15: everything applies, in order, at Commit and not before.
Status CommitAppliesEverythingInOrder(Run& run) {
  TRY(Set(run, run.Key("old"), "v"));
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY(t.Delete("k1"));
  TRY(t.Set("k2", "v2"));
  TRY(t.Delete("k2"));
  TRY(t.Set("k3", "first"));
  TRY(t.Set("k3", "v3"));
  TRY(t.Delete("old"));
  TRY(MustBeAbsent(run, run.Key("k3")));
  TRY(MustHold(run, run.Key("old"), "v"));
  TRY_ASSIGN(const auto committed, t.Commit());
  MUST(committed.versions().size() == 1, "versions of {} keys, one was set",
       committed.versions().size());
  TRY(MustBeAbsent(run, run.Key("k1")));
  TRY(MustBeAbsent(run, run.Key("k2")));
  TRY(MustBeAbsent(run, run.Key("old")));
  TRY(MustHold(run, run.Key("k3"), "v3"));
  TRY_ASSIGN(const auto got, Get(run, run.Key("k3")));
  MUST(committed.versions().at(run.Key("k3")) == got.version(),
       "Commit answers another version than Get");
  return {};
}

Status ReadsSeeOwnWrites(Run& run) {
  TRY(Set(run, run.Key("k"), "outside"));
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY(t.Set("k", "inside"));
  TRY_ASSIGN(const auto own, t.Get("k"));
  MUST(own.found() && own.value() == "inside" && own.version().empty(),
       "the transaction does not see its own write");
  TRY(t.Delete("k"));
  TRY_ASSIGN(const auto gone, t.Get("k"));
  MUST(!gone.found(), "the transaction sees what it has deleted");
  TRY(MustHold(run, run.Key("k"), "outside"));
  TRY(t.Rollback());
  return MustHold(run, run.Key("k"), "outside");
}

// when anything that was read has changed, nothing is applied.
Status ConflictsApplyNothing(Run& run) {
  TRY(Set(run, run.Key("read"), "one"));
  TRY(Set(run, run.Key("other"), "untouched"));
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY(t.Get("read"));
  TRY(t.Set("other", "changed"));
  TRY(t.Set("new", "v"));
  TRY(Set(run, run.Key("read"), "two"));
  TRY(MustFail(t.Commit(), Code::kAborted, "TRANSACTION_CONFLICT"));
  TRY(MustHold(run, run.Key("other"), "untouched"));
  TRY(MustBeAbsent(run, run.Key("new")));
  return MustFail(t.Commit(), Code::kNotFound, "TRANSACTION_NOT_FOUND");
}

// An absence that was read counts: a key that appears is a conflict.
Status ReadAbsencesConflict(Run& run) {
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY_ASSIGN(const auto absent, t.Get("k"));
  MUST(!absent.found(), "a key that was never written is found");
  TRY(t.Set("k", "mine"));
  TRY(Set(run, run.Key("k"), "theirs"));
  TRY(MustFail(t.Commit(), Code::kAborted, "TRANSACTION_CONFLICT"));
  return MustHold(run, run.Key("k"), "theirs");
}

// The same value written again is still a change: versions are compared, not values.
Status SameValueIsStillAConflict(Run& run) {
  TRY(Set(run, run.Key("k"), "v"));
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY(t.Get("k"));
  TRY(t.Set("out", "v"));
  TRY(Delete(run, run.Key("k")));
  TRY(Set(run, run.Key("k"), "v"));
  TRY(MustFail(t.Commit(), Code::kAborted, "TRANSACTION_CONFLICT"));
  return MustBeAbsent(run, run.Key("out"));
}

Status RollbackAndUnknownHandles(Run& run) {
  TRY_ASSIGN(Transaction t, Begin(run));
  TRY(t.Set("k", "v"));
  TRY(t.Rollback());
  TRY(t.Rollback());
  TRY(MustBeAbsent(run, run.Key("k")));
  TRY(MustFail(t.Commit(), Code::kNotFound, "TRANSACTION_NOT_FOUND"));
  TRY(MustFail(t.Get("k"), Code::kNotFound, "TRANSACTION_NOT_FOUND"));
  return {};
}

Status AbandonedTransactionsRollBack(Run& run) {
  TRY_ASSIGN(Transaction t, Begin(run, std::chrono::milliseconds(100)));
  TRY(t.Set("k", "v"));
  TRY(Eventually(std::chrono::milliseconds(3'000), "the transaction times out",
                 [&]() -> Result<bool> {
                   const auto got = t.Get("k");
                   if (got) return false;
                   TRY(MustFail(got, Code::kNotFound, "TRANSACTION_NOT_FOUND"));
                   return true;
                 }));
  TRY(MustFail(t.Commit(), Code::kNotFound, "TRANSACTION_NOT_FOUND"));
  return MustBeAbsent(run, run.Key("k"));
}

Status TimeoutBounds(Run& run) {
  TRY(Begin(run, std::chrono::seconds(60)));
  TRY(MustFail(Begin(run, std::chrono::milliseconds(60'001)), Code::kInvalidArgument,
               "TIMEOUT_OUT_OF_RANGE"));
  return MustFail(Begin(run, std::chrono::milliseconds(-1)), Code::kInvalidArgument,
                  "TIMEOUT_OUT_OF_RANGE");
}

Status SizeLimits(Run& run) {
  TRY_ASSIGN(Transaction many, Begin(run));
  for (int i = 0; i < 1000; ++i) TRY(many.Set(fmt::format("k{:04}", i), "v"));
  TRY(MustFail(many.Set("one more", "v"), Code::kResourceExhausted, "TRANSACTION_TOO_LARGE"));
  TRY(many.Set("k0000", "again"));
  TRY(many.Commit());
  TRY(MustHold(run, run.Key("k0999"), "v"));
  TRY_ASSIGN(Transaction large, Begin(run));
  const std::string half(2u << 20, 'x');
  TRY(large.Set("a", half));
  TRY(MustFail(large.Set("b", half), Code::kResourceExhausted, "TRANSACTION_TOO_LARGE"));
  return large.Rollback();
}

// Money moved between accounts by many threads: the sum stays.
Status TransfersKeepTheSum(Run& run) {
  constexpr int kAccounts = 4;
  constexpr int kEach = 10;
  for (int i = 0; i < kAccounts; ++i) TRY(Set(run, run.Key(fmt::format("account{}", i)), "100"));
  TRY(run.Parallel(6, [](Run& own, int index) -> Status {
    for (int done = 0, tries = 0; done < kEach; ++tries) {
      MUST(tries < 10'000, "no transaction gets through");
      const std::string from = fmt::format("account{}", (index + tries) % kAccounts);
      const std::string to = fmt::format("account{}", (index + tries + 1) % kAccounts);
      TRY_ASSIGN(Transaction t, Begin(own));
      TRY_ASSIGN(const auto a, t.Get(from));
      TRY_ASSIGN(const auto b, t.Get(to));
      TRY(t.Set(from, std::to_string(std::stoi(a.value()) - 1)));
      TRY(t.Set(to, std::to_string(std::stoi(b.value()) + 1)));
      const auto committed = t.Commit();
      if (committed) {
        ++done;
      } else {
        TRY(MustFail(committed, Code::kAborted, "TRANSACTION_CONFLICT"));
      }
    }
    return {};
  }));
  int sum = 0;
  for (int i = 0; i < kAccounts; ++i) {
    TRY_ASSIGN(const auto got, Get(run, run.Key(fmt::format("account{}", i))));
    sum += std::stoi(got.value());
  }
  MUST(sum == kAccounts * 100, "the accounts hold {} together", sum);
  return {};
}

// The handle of another instance is told from one that is merely unknown.
Status HandlesFromElsewhere(Run& run) {
  kv::CommitRequest request;
  request.set_transaction("not a handle");
  const auto committed = run.Call(request);
  MUST(!committed, "a made-up handle was committed");
  if (committed.error().reason() == "INTERFACE_NOT_BOUND")
    return std::unexpected(committed.error());
  MUST(committed.error().reason() == "TRANSACTION_NOT_FOUND" ||
           committed.error().reason() == "TRANSACTION_ELSEWHERE",
       "a made-up handle got {}", committed.error().ToString());
  return {};
}

Status AHandleIsRequired(Run& run) {
  constexpr std::string_view kReason = "TRANSACTION_REQUIRED";
  TRY(MustFail(run.Call(kv::CommitRequest()), Code::kInvalidArgument, kReason));
  return MustFail(run.Call(kv::RollbackRequest()), Code::kInvalidArgument, kReason);
}

constexpr Case kCases[] = {
    {"DS-15", "keyvalue_transactional",
     "Commit applies everything, in order, and not before (DS-13, DS-14)",
     CommitAppliesEverythingInOrder},
    {"KV-TXN-01", "keyvalue_transactional", "reads see the transaction's own writes",
     ReadsSeeOwnWrites},
    {"X-1", "keyvalue_transactional", "a conflict applies nothing", ConflictsApplyNothing},
    {"KV-TXN-02", "keyvalue_transactional",
     "a key that was read as absent and appears is a conflict", ReadAbsencesConflict},
    {"KV-TXN-03", "keyvalue_transactional", "a key that was replaced by its equal is a conflict",
     SameValueIsStillAConflict},
    {"KV-TXN-04", "keyvalue_transactional", "Rollback drops everything and may be repeated",
     RollbackAndUnknownHandles},
    {"KV-TXN-05", "keyvalue_transactional", "an abandoned transaction rolls back at its timeout",
     AbandonedTransactionsRollBack},
    {"KV-TXN-06", "keyvalue_transactional", "timeouts are above 0 and at most 60 s", TimeoutBounds},
    {"KV-TXN-07", "keyvalue_transactional", "a transaction has at most 1000 keys and 4 MiB",
     SizeLimits},
    {"KV-TXN-08", "keyvalue_transactional", "concurrent transfers keep the sum",
     TransfersKeepTheSum},
    {"KV-TXN-09", "keyvalue_transactional", "made-up handles are refused", HandlesFromElsewhere},
    {"KV-TXN-10", "keyvalue_transactional", "a handle must be named", AHandleIsRequired},
};

}  // namespace

std::span<const Case> KeyValueTransactionalCases() { return kCases; }

}  // namespace prism::conformance
