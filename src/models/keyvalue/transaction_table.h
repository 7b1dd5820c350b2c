// The open transactions of one namespace: what they have read and what they are going to write.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"
#include "models/digest.h"
#include "models/memory_budget.h"

namespace prism::models {

// A write that waits for Commit.
struct PendingWrite {
  bool removal = false;
  base::Buffer value = {};
  base::Buffer tags = {};
  std::int64_t ttl_ms = 0;  // 0: does not expire; runs from Commit on
};

// What a transaction is when it is committed. Immutable from then on.
struct TransactionContent {
  std::map<std::string, std::string, std::less<>> reads;  // versions as text; empty: was absent
  std::map<std::string, PendingWrite, std::less<>> writes;
};

// Thread-safe: striped, short sections. A transaction belongs to a principal; for all others it is
// not there. Time is passed in (monotonic), so that tests own it. All handles are random: they
// can't be guessed.
class TransactionTable {
 public:
  // At most this many keys are read, and as many written, with keys, values and tags of this size.
  static constexpr std::size_t kMaxKeys = 1000;
  static constexpr std::size_t kMaxBytes = 4u << 20;

  TransactionTable(MemoryBudget& budget, std::size_t max_open)
      : budget_(budget), max_open_(max_open) {}
  TransactionTable(const TransactionTable&) = delete;
  TransactionTable& operator=(const TransactionTable&) = delete;
  ~TransactionTable();

  // A caller's claim on a transaction.
  struct Claim {
    Digest handle;
    std::string_view principal;
    MonoNanos now;
  };

  // RESOURCE_EXHAUSTED/TOO_MANY_TRANSACTIONS beyond the limit.
  Result<Digest> Begin(std::string_view principal, MonoNanos deadline, MonoNanos now);

  // All of these: NOT_FOUND/TRANSACTION_NOT_FOUND when it has ended or never was.
  // RESOURCE_EXHAUSTED/TRANSACTION_TOO_LARGE; the transaction stays as it was.
  Status Write(const Claim& claim, std::string_view key, PendingWrite write);
  // The transaction's own write of the key, if there is one.
  Result<std::optional<PendingWrite>> OwnWrite(const Claim& claim, std::string_view key);
  // Remembers what was there. The first read of a key counts: when a later one saw something else,
  // Commit will find the conflict.
  Status NoteRead(const Claim& claim, std::string_view key, std::string_view version);

  // Ends the transaction for everything but commits with the same, non-empty `request_id`, which
  // get the same content until Finish. Without a request id it is gone at once.
  Result<std::shared_ptr<const TransactionContent>> Close(const Claim& claim,
                                                          std::string_view request_id);
  // Removes a closed transaction. Nothing happens when it is gone.
  void Finish(const Digest& handle);
  // Removes an open one of this principal, if it is there.
  void Rollback(const Claim& claim);

  // Removes what has passed its deadline.
  void Sweep(MonoNanos now);
  // Whether there is none, not even one that is being committed.
  bool empty();
  std::size_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kStripes = 16;

  struct Transaction {
    std::string principal;
    MonoNanos deadline = 0;
    std::size_t write_bytes = 0;  // keys, values and tags of the writes
    std::size_t charged = 0;      // to the budget
    bool closed = false;
    std::string request_id = {};  // of the commit, once closed
    std::shared_ptr<TransactionContent> content;
  };
  struct HashHandle {
    std::size_t operator()(const Digest& handle) const { return handle.low; }
  };
  using Map = std::unordered_map<Digest, Transaction, HashHandle>;
  struct alignas(64) Stripe {
    std::mutex mutex;
    Map transactions;
  };

  Stripe& StripeOf(const Digest& handle) { return stripes_[handle.high % kStripes]; }
  // The live transaction of this principal, closed ones included, or null. The caller holds the
  // stripe.
  Transaction* Find(Stripe& stripe, const Claim& claim);
  // As Find, but not closed, or the error.
  Result<Transaction*> FindOpen(Stripe& stripe, const Claim& claim);
  void Erase(Stripe& stripe, Map::iterator at);

  MemoryBudget& budget_;
  const std::size_t max_open_;
  std::atomic<std::size_t> open_ = 0;
  std::array<Stripe, kStripes> stripes_;
};

Error TransactionNotFoundError();

}  // namespace prism::models
