#include "models/keyvalue/transaction_table.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace prism::models {
namespace {

// What one read or write costs beyond key, value and tags.
constexpr std::size_t kItemOverhead = 128;

std::size_t BytesOf(std::string_view key, const PendingWrite& write) {
  return key.size() + write.value.size() + write.tags.size();
}

// Short texts lie in the std::string itself, within the overhead.
std::size_t HeapBytes(std::string_view text) {
  return text.size() > std::string().capacity() ? text.size() : 0;
}

Error TooLarge() {
  return Error(
      Code::kResourceExhausted, "TRANSACTION_TOO_LARGE",
      fmt::format("A transaction reads at most {0} keys and writes at most {0} keys and {1} bytes. "
                  "Split it, or commit earlier.",
                  TransactionTable::kMaxKeys, TransactionTable::kMaxBytes));
}

Digest RandomHandle() {
  Digest handle;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&handle), sizeof(handle)) != 1) std::abort();
  return handle;
}

}  // namespace

Error TransactionNotFoundError() {
  return Error(
      Code::kNotFound, "TRANSACTION_NOT_FOUND",
      "The transaction has been committed or rolled back, has timed out, or never was. Begin a new "
      "one.");
}

TransactionTable::~TransactionTable() {
  for (Stripe& stripe : stripes_) {
    while (!stripe.transactions.empty()) Erase(stripe, stripe.transactions.begin());
  }
}

Result<Digest> TransactionTable::Begin(std::string_view principal, MonoNanos deadline,
                                       MonoNanos now) {
  if (open_.fetch_add(1, std::memory_order_relaxed) >= max_open_) {
    Sweep(now);
    if (open() > max_open_) {
      open_.fetch_sub(1, std::memory_order_relaxed);
      return std::unexpected(
          Error(
              Code::kResourceExhausted, "TOO_MANY_TRANSACTIONS",
              fmt::format(
                  "The namespace has {} open transactions, as many as it may. Commit or roll back, "
                  "or try again when some have timed out.",
                  max_open_))
              .WithRetryAfter(std::chrono::milliseconds(100)));
    }
  }
  const Digest handle = RandomHandle();
  Stripe& stripe = StripeOf(handle);
  const std::lock_guard lock(stripe.mutex);
  stripe.transactions.emplace(handle,
                              Transaction{.principal = std::string(principal),
                                          .deadline = deadline,
                                          .request_id = {},
                                          .content = std::make_shared<TransactionContent>()});
  return handle;
}

bool TransactionTable::empty() {
  return std::ranges::all_of(stripes_, [](Stripe& stripe) {
    const std::lock_guard lock(stripe.mutex);
    return stripe.transactions.empty();
  });
}

TransactionTable::Transaction* TransactionTable::Find(Stripe& stripe, const Claim& claim) {
  const auto at = stripe.transactions.find(claim.handle);
  if (at == stripe.transactions.end() || at->second.principal != claim.principal) return nullptr;
  if (at->second.closed || claim.now < at->second.deadline) return &at->second;
  Erase(stripe, at);
  return nullptr;
}

Result<TransactionTable::Transaction*> TransactionTable::FindOpen(Stripe& stripe,
                                                                  const Claim& claim) {
  Transaction* found = Find(stripe, claim);
  if (found == nullptr || found->closed) return std::unexpected(TransactionNotFoundError());
  return found;
}

Status TransactionTable::Write(const Claim& claim, std::string_view key, PendingWrite write) {
  Stripe& stripe = StripeOf(claim.handle);
  const std::lock_guard lock(stripe.mutex);
  TRY_ASSIGN(Transaction * transaction, FindOpen(stripe, claim));
  auto& writes = transaction->content->writes;
  const auto at = writes.find(key);
  const bool added = at == writes.end();
  const std::size_t before = added ? 0 : BytesOf(key, at->second);
  const std::size_t after = BytesOf(key, write);
  if ((added && writes.size() >= kMaxKeys) ||
      transaction->write_bytes - before + after > kMaxBytes) {
    return std::unexpected(TooLarge());
  }
  TRY(budget_.Charge(after + (added ? kItemOverhead : 0)));
  budget_.Release(before);
  transaction->charged += after - before + (added ? kItemOverhead : 0);
  transaction->write_bytes += after - before;
  if (added) {
    writes.emplace(key, std::move(write));
  } else {
    std::swap(at->second, write);
  }
  return {};
}

Result<std::optional<PendingWrite>> TransactionTable::OwnWrite(const Claim& claim,
                                                               std::string_view key) {
  Stripe& stripe = StripeOf(claim.handle);
  const std::lock_guard lock(stripe.mutex);
  TRY_ASSIGN(Transaction * transaction, FindOpen(stripe, claim));
  const auto at = transaction->content->writes.find(key);
  if (at == transaction->content->writes.end()) return std::nullopt;
  return at->second;
}

Status TransactionTable::NoteRead(const Claim& claim, std::string_view key,
                                  std::string_view version) {
  Stripe& stripe = StripeOf(claim.handle);
  const std::lock_guard lock(stripe.mutex);
  TRY_ASSIGN(Transaction * transaction, FindOpen(stripe, claim));
  auto& reads = transaction->content->reads;
  if (reads.contains(key)) return {};
  if (reads.size() >= kMaxKeys) return std::unexpected(TooLarge());
  const std::size_t charge = key.size() + HeapBytes(version) + kItemOverhead;
  TRY(budget_.Charge(charge));
  transaction->charged += charge;
  reads.emplace(key, version);
  return {};
}

Result<std::shared_ptr<const TransactionContent>> TransactionTable::Close(
    const Claim& claim, std::string_view request_id) {
  Stripe& stripe = StripeOf(claim.handle);
  const std::lock_guard lock(stripe.mutex);
  Transaction* transaction = Find(stripe, claim);
  const bool repeated =
      transaction != nullptr && transaction->closed && transaction->request_id == request_id;
  if (transaction == nullptr || (transaction->closed && !repeated)) {
    return std::unexpected(TransactionNotFoundError());
  }
  std::shared_ptr<const TransactionContent> content = transaction->content;
  if (request_id.empty()) {
    Erase(stripe, stripe.transactions.find(claim.handle));
  } else {
    transaction->closed = true;
    transaction->request_id = request_id;
  }
  return content;
}

void TransactionTable::Finish(const Digest& handle) {
  Stripe& stripe = StripeOf(handle);
  const std::lock_guard lock(stripe.mutex);
  const auto at = stripe.transactions.find(handle);
  if (at != stripe.transactions.end() && at->second.closed) Erase(stripe, at);
}

void TransactionTable::Rollback(const Claim& claim) {
  Stripe& stripe = StripeOf(claim.handle);
  const std::lock_guard lock(stripe.mutex);
  const Transaction* transaction = Find(stripe, claim);
  if (transaction != nullptr && !transaction->closed)
    Erase(stripe, stripe.transactions.find(claim.handle));
}

void TransactionTable::Erase(Stripe& stripe, Map::iterator at) {
  budget_.Release(at->second.charged);
  stripe.transactions.erase(at);
  open_.fetch_sub(1, std::memory_order_relaxed);
}

void TransactionTable::Sweep(MonoNanos now) {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    for (auto at = stripe.transactions.begin(); at != stripe.transactions.end();) {
      const auto next = std::next(at);
      if (!at->second.closed && at->second.deadline <= now) Erase(stripe, at);
      at = next;
    }
  }
}

}  // namespace prism::models
