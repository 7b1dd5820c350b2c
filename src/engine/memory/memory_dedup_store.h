// The request ids of one namespace in memory.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "engine/dedup_store.h"
#include "engine/memory/memory_space.h"

namespace prism::engine {

// Striped by id. A section holds its stripe's lock while the guarded write runs, so a duplicate on
// another shard waits for the first, and stripes of keys are always locked after it. Thread-safe.
class MemoryDedupStore final : public DedupStore {
 public:
  explicit MemoryDedupStore(MemorySpace& space) : space_(space) {}
  ~MemoryDedupStore() override;

  void Enter(const models::Digest& id) override { StripeOf(id).mutex.lock(); }
  void Leave(const models::Digest& id) override { StripeOf(id).mutex.unlock(); }
  Result<std::optional<RememberedAnswer>> Find(const models::Digest& id, WallMillis now) override;
  Status Remember(const models::Digest& id, const models::Digest& payload,
                  std::string_view response, WallMillis expires_at) override;

  // Forgets up to `budget` ids that have expired. True when more are due. Not inside a section.
  bool Sweep(WallMillis now, std::size_t budget);
  // Whether nothing is remembered, nor listed to be forgotten. Not inside a section.
  bool empty();
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kStripes = 16;

  struct HashDigest {
    std::size_t operator()(const models::Digest& digest) const { return digest.low; }
  };
  struct Answer {
    models::Digest payload;
    base::Buffer response;
    WallMillis expires_at = 0;
  };
  struct Due {
    WallMillis when;
    models::Digest id;
  };
  struct alignas(64) Stripe {
    std::mutex mutex;
    std::unordered_map<models::Digest, Answer, HashDigest> answers;
    // In order of arrival, which is the order of expiry while the window stays the same. An answer
    // that was replaced is listed twice; what counts is its own time. Made by the first: an empty
    // deque takes 600 bytes, and most namespaces never see a request id.
    std::optional<std::deque<Due>> due;
  };

  static std::uint64_t Cost(std::string_view response) { return kAnswerOverhead + response.size(); }
  static constexpr std::uint64_t kAnswerOverhead = 160;

  Stripe& StripeOf(const models::Digest& id) { return stripes_[id.high % kStripes]; }
  bool SweepStripe(Stripe& stripe, WallMillis now, std::size_t& budget);
  void Forget(Stripe& stripe, decltype(Stripe::answers)::iterator at);
  void SweepOthers(const Stripe& held, WallMillis now);

  MemorySpace& space_;
  std::atomic<std::size_t> size_ = 0;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace prism::engine
