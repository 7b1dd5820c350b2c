// KeyValueTransactional but for what reads and writes the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "contract/call_context.h"
#include "models/keyvalue/record.h"
#include "models/keyvalue/transaction_table.h"
#include "models/memory_budget.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {

// The open transactions of one namespace and the handles by which clients name them. A handle names
// the process, too: transactions live in its memory, so another one says TRANSACTION_ELSEWHERE.
// Thread-safe.
class OpenTransactions {
 public:
  // `instance` is random, new at each start. `max_open`: RESOURCE_EXHAUSTED/TOO_MANY_TRANSACTIONS
  // beyond it.
  OpenTransactions(MemoryBudget& budget, std::size_t max_open, std::uint64_t instance)
      : table_(budget, max_open), instance_(instance) {}

  using Claim = TransactionTable::Claim;
  // The claim of this call on the transaction that `handle` names. NOT_FOUND/TRANSACTION_NOT_FOUND
  // for what is no handle, FAILED_PRECONDITION/TRANSACTION_ELSEWHERE for another process's.
  Result<Claim> ClaimOf(const contract::CallContext& ctx, std::string_view handle) const;

  Status Begin(const contract::CallContext& ctx,
               const keyvalue::v1::BeginTransactionRequest& request,
               keyvalue::v1::BeginTransactionResponse& response);
  Status Set(const contract::CallContext& ctx, const keyvalue::v1::SetInTransactionRequest& request,
             std::uint64_t max_value_bytes);
  Status Delete(const contract::CallContext& ctx,
                const keyvalue::v1::DeleteInTransactionRequest& request);
  Status Rollback(const contract::CallContext& ctx, const keyvalue::v1::RollbackRequest& request);

  // A GetInTransaction is answered by the transaction's own write of the key (true), or by the
  // store; what the store had is noted then, an empty version for nothing.
  Result<bool> GetOwn(const Claim& claim, std::string_view key, WallMillis now,
                      keyvalue::v1::GetInTransactionResponse& response);
  Status NoteRead(const Claim& claim, std::string_view key, std::string_view version) {
    return table_.NoteRead(claim, key, version);
  }

  // A transaction that its Commit has closed.
  struct Closed {
    std::shared_ptr<const TransactionContent> content;  // null: it is not there
    Error missing;                                      // why, when it is not
    Digest handle;
  };
  // Without the transaction a request id may still have its answer, which only the store can tell:
  // an error here when there is neither. Then the store applies the content, or fails with
  // `missing`; Finish in any case.
  Result<Closed> Close(const contract::CallContext& ctx,
                       const keyvalue::v1::CommitRequest& request);
  void Finish(const Closed& closed) {
    if (closed.content != nullptr) table_.Finish(closed.handle);
  }

  // Removes what has passed its deadline.
  void Sweep(MonoNanos now) { table_.Sweep(now); }
  bool empty() { return table_.empty(); }

 private:
  TransactionTable table_;
  const std::uint64_t instance_;
};

// A pending write as one at `now`, when its time to live begins.
KeyValueWrite WriteAt(const PendingWrite& write, WallMillis now);

// ABORTED/TRANSACTION_CONFLICT: `key` was changed since the transaction read it.
Error TransactionConflictError(std::string_view key);

}  // namespace prism::models
