#include "engine/memory/memory_dedup_store.h"

#include <algorithm>

#include "models/errors.h"

namespace prism::engine {
namespace {

// What a full store sweeps of each stripe to make room, and each Remember of its own in passing.
constexpr std::size_t kSweepWhenFull = 64;
constexpr std::size_t kSweepPerWrite = 2;

}  // namespace

MemoryDedupStore::~MemoryDedupStore() {
  for (Stripe& stripe : stripes_) {
    while (!stripe.answers.empty()) Forget(stripe, stripe.answers.begin());
  }
}

Result<std::optional<RememberedAnswer>> MemoryDedupStore::Find(const models::Digest& id,
                                                               WallMillis now) {
  Stripe& stripe = StripeOf(id);
  if (const auto at = stripe.answers.find(id); at != stripe.answers.end()) {
    if (at->second.expires_at > now) {
      return RememberedAnswer{.payload = at->second.payload, .response = at->second.response};
    }
    Forget(stripe, at);
  }
  const std::uint64_t limit = space_.limits().dedup_max_entries();
  if (size() >= limit) {
    std::size_t budget = kSweepWhenFull;
    SweepStripe(stripe, now, budget);
    SweepOthers(stripe, now);
    if (size() >= limit) return std::unexpected(models::DedupFullError(limit));
  }
  // Remember must not fail after the write has happened: room for a small answer has to be there
  // now. A large one passes the limit by its size once, and then nothing more is accepted.
  TRY(space_.budget().Charge(kAnswerOverhead));
  space_.budget().Release(kAnswerOverhead);
  return std::nullopt;
}

Status MemoryDedupStore::Remember(const models::Digest& id, const models::Digest& payload,
                                  std::string_view response, WallMillis expires_at) {
  Stripe& stripe = StripeOf(id);
  std::size_t budget = kSweepPerWrite;
  SweepStripe(stripe, space_.clock().Now(), budget);
  if (const auto at = stripe.answers.find(id); at != stripe.answers.end()) Forget(stripe, at);
  space_.budget().ChargeAnyway(Cost(response));
  stripe.answers.emplace(id, Answer{.payload = payload,
                                    .response = base::Buffer::Copy(response),
                                    .expires_at = expires_at});
  if (!stripe.due) stripe.due.emplace();
  stripe.due->push_back({.when = expires_at, .id = id});
  size_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void MemoryDedupStore::Forget(Stripe& stripe, decltype(Stripe::answers)::iterator at) {
  space_.budget().Release(Cost(at->second.response.view()));
  stripe.answers.erase(at);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

// The caller holds the stripe.
bool MemoryDedupStore::SweepStripe(Stripe& stripe, WallMillis now, std::size_t& budget) {
  while (stripe.due && !stripe.due->empty() && stripe.due->front().when <= now) {
    if (budget == 0) return true;
    --budget;
    const auto at = stripe.answers.find(stripe.due->front().id);
    if (at != stripe.answers.end() && at->second.expires_at <= now) Forget(stripe, at);
    stripe.due->pop_front();
  }
  return false;
}

// Only those that nobody is in: waiting for another stripe inside a section could wait in a circle.
void MemoryDedupStore::SweepOthers(const Stripe& held, WallMillis now) {
  for (Stripe& other : stripes_) {
    if (&other == &held) continue;
    const std::unique_lock lock(other.mutex, std::try_to_lock);
    std::size_t budget = kSweepWhenFull;
    if (lock) SweepStripe(other, now, budget);
  }
}

bool MemoryDedupStore::empty() {
  return std::ranges::all_of(stripes_, [](Stripe& stripe) {
    const std::lock_guard lock(stripe.mutex);
    return stripe.answers.empty() && (!stripe.due || stripe.due->empty());
  });
}

bool MemoryDedupStore::Sweep(WallMillis now, std::size_t budget) {
  bool more = false;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    more |= SweepStripe(stripe, now, budget);
  }
  return more;
}

}  // namespace prism::engine
