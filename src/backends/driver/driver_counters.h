// What a driver counts: connections, requests and how they ended.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prism::backends {

// How a request to a store ended, as people count it.
enum class RequestEnd : std::uint8_t {
  kAnswered,
  kRefused,     // the store answered with an error
  kDeadline,    // nobody waits any more: too late
  kCancelled,   // nobody waits any more
  kLost,        // the connection ended after the request had left
  kUnreached,   // it never left: there was no connection
  kOverloaded,  // it never left: too many wait
  kMalformed,   // the answer is not what the protocol has
  kStopped,     // the driver stops
  kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(RequestEnd::kCount)>
    kRequestEndNames = {"answered",  "refused",    "deadline",  "cancelled", "lost",
                        "unreached", "overloaded", "malformed", "stopped"};

// Copied for whoever shows them.
struct DriverCounts {
  std::uint64_t open = 0;             // connections that are logged in
  std::uint64_t connects = 0;         // since the start, and ...
  std::uint64_t failed_connects = 0;  // ... attempts that came to nothing
  std::uint64_t requests = 0;         // asked for
  std::array<std::uint64_t, kRequestEndNames.size()> ended{};
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;

  // Asked for and not ended.
  std::uint64_t in_flight() const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : ended) all += count;
    return requests > all ? requests - all : 0;
  }
};

// Of one shard: no other thread writes, so a count costs no locked instruction. Thread rule:
// changed on its shard, read on any thread.
class DriverCounters {
 public:
  void Opened() {
    Add(open_, 1);
    Add(connects_, 1);
  }
  void Closed() { Add(open_, ~std::uint64_t{0}); }
  void FailedToConnect() { Add(failed_connects_, 1); }
  void Asked() { Add(requests_, 1); }
  void Ended(RequestEnd how) { Add(ended_[static_cast<std::size_t>(how)], 1); }
  void Sent(std::size_t bytes) { Add(sent_bytes_, bytes); }
  void Received(std::size_t bytes) { Add(received_bytes_, bytes); }

  void AddTo(DriverCounts& sum) const {
    sum.open += Read(open_);
    sum.connects += Read(connects_);
    sum.failed_connects += Read(failed_connects_);
    // Ends first: what ends between the two readings would count as negative.
    for (std::size_t i = 0; i < ended_.size(); ++i) sum.ended[i] += Read(ended_[i]);
    sum.requests += Read(requests_);
    sum.sent_bytes += Read(sent_bytes_);
    sum.received_bytes += Read(received_bytes_);
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  static void Add(Counter& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  static std::uint64_t Read(const Counter& counter) {
    return counter.load(std::memory_order_relaxed);
  }

  Counter open_ = 0;
  Counter connects_ = 0;
  Counter failed_connects_ = 0;
  Counter requests_ = 0;
  std::array<Counter, kRequestEndNames.size()> ended_{};
  Counter sent_bytes_ = 0;
  Counter received_bytes_ = 0;
};

}  // namespace prism::backends
