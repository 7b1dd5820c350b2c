// The slow requests of one shard: the newest of them, with what helps to find out why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "contract/method.h"
#include "rpc/server.h"

namespace prism::gateway {

// One request that took long. What it was about is not here: no keys, no values.
struct SlowRequest {
  WallMillis time = 0;  // when it began to be served
  MonoNanos duration = 0;
  std::string_view method;  // the contract's label, which outlives everything
  rpc::Protocol protocol = rpc::Protocol::kGrpc;
  Code code = Code::kOk;
  std::string ns;
  std::string reason;  // of the error; empty: none
  std::string peer;
  std::string request_id;
  std::string trace_id;  // empty: of no trace
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

// What took how long to judge a call by. Unary: from its first byte to its answer. Server streams:
// to their first message, or their end. Streams that the client feeds are as slow as it likes: 0.
MonoNanos JudgedDuration(const contract::MethodInfo& method, const rpc::CallAccount& account,
                         MonoNanos arrival, MonoNanos now);

// A copy of what one shard remembers.
struct SlowSample {
  MonoNanos threshold = 0;        // 0: nothing is slow
  std::uint64_t total = 0;        // kept and forgotten
  std::vector<SlowRequest> kept;  // oldest first
};

// Keeps the newest kKept. Bounded: a few hundred bytes each. Thread rule: its shard.
class SlowLog {
 public:
  static constexpr std::size_t kKept = 128;

  void Add(SlowRequest request);
  SlowSample Sample() const;
  std::uint64_t total() const { return total_; }

  // What takes at least this long is slow; 0: nothing is.
  void SetThreshold(MonoNanos threshold) { threshold_ = threshold > 0 ? threshold : kNever; }
  bool IsSlow(MonoNanos duration) const { return duration >= threshold_; }

 private:
  static constexpr MonoNanos kNever = std::numeric_limits<MonoNanos>::max();

  MonoNanos threshold_ = kNever;
  std::vector<SlowRequest> ring_;
  std::uint64_t total_ = 0;
};

}  // namespace prism::gateway
