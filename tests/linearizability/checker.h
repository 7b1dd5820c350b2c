// Decides whether a recorded history of one key is linearizable: whether there is an order of the
// operations, compatible with their real-time order, in which a plain register gives every answer
// that was seen.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace prism::linearizability {

// The content of the register. Every write of a history writes a different value, never kAbsent.
using Value = std::uint64_t;
constexpr Value kAbsent = 0;

enum class Kind : std::uint8_t { kSet, kGet, kDelete, kCompareAndSwap };

constexpr std::int64_t kNeverReturned = std::numeric_limits<std::int64_t>::max();

// One call and what came back.
struct Operation {
  Kind kind = Kind::kGet;
  int client = 0;
  std::int64_t invoked = 0;                // monotonic time before the call
  std::int64_t returned = kNeverReturned;  // after the answer; kNeverReturned: outcome unknown (it
                                           // may have happened at any time since, or not at all)
  Value argument = kAbsent;                // what Set and CompareAndSwap write
  Value expected = kAbsent;                // CompareAndSwap: what must be there (kAbsent: nothing)
  Value seen = kAbsent;                    // Get: what was read
  bool succeeded = false;                  // Delete: existed; CompareAndSwap: swapped
};

// The empty optional means linearizable. Otherwise the text shows the shortest prefix, by time of
// return, for which no order exists. Search by Wing and Gong with the memoization of Lowe ("Testing
// for linearizability", 2017): exponential in the number of concurrent operations only in the worst
// case.
std::optional<std::string> FindViolation(std::vector<Operation> history);

}  // namespace prism::linearizability
