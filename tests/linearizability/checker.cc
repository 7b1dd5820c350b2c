#include "tests/linearizability/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace prism::linearizability {
namespace {

// The register after `op`, or nothing when the answer of `op` is impossible in `state`.
std::optional<Value> Apply(const Operation& op, Value state) {
  const bool unknown = op.returned == kNeverReturned;
  switch (op.kind) {
    case Kind::kSet:
      return op.argument;
    case Kind::kGet:
      if (!unknown && op.seen != state) return std::nullopt;
      return state;
    case Kind::kDelete:
      if (!unknown && op.succeeded != (state != kAbsent)) return std::nullopt;
      return kAbsent;
    case Kind::kCompareAndSwap: {
      const bool swaps = state == op.expected;
      if (!unknown && op.succeeded != swaps) return std::nullopt;
      return swaps ? op.argument : state;
    }
  }
  return std::nullopt;
}

// Invocations and returns in time order, as a list from which an operation's two events are taken
// out when it is linearized and put back when the search returns.
class EventList {
 public:
  struct Event {
    std::size_t operation = 0;
    bool is_return = false;
    std::size_t match = 0;  // of an invocation: the index of its return
    std::size_t next = 0;
    std::size_t previous = 0;
  };
  static constexpr std::size_t kHead = 0;

  explicit EventList(const std::vector<Operation>& history) {
    std::vector<std::pair<std::int64_t, Event>> timed;
    for (std::size_t i = 0; i < history.size(); ++i) {
      timed.push_back({history[i].invoked, {.operation = i, .is_return = false}});
      timed.push_back({history[i].returned, {.operation = i, .is_return = true}});
    }
    // Invocations first at equal times: operations that touch at one instant count as concurrent.
    std::sort(timed.begin(), timed.end(), [](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first < b.first;
      if (a.second.is_return != b.second.is_return) return b.second.is_return;
      return a.second.operation < b.second.operation;
    });
    events_.emplace_back();
    std::vector<std::size_t> invocation(history.size());
    for (const auto& [time, event] : timed) {
      const std::size_t index = events_.size();
      events_.push_back(event);
      if (event.is_return) {
        events_[invocation[event.operation]].match = index;
      } else {
        invocation[event.operation] = index;
      }
    }
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].next = (i + 1) % events_.size();
      events_[(i + 1) % events_.size()].previous = i;
    }
  }

  const Event& at(std::size_t index) const { return events_[index]; }
  std::size_t first() const { return events_[kHead].next; }

  void Lift(std::size_t invocation) {
    Unlink(invocation);
    Unlink(events_[invocation].match);
  }
  void Unlift(std::size_t invocation) {
    Relink(events_[invocation].match);
    Relink(invocation);
  }

 private:
  void Unlink(std::size_t i) {
    events_[events_[i].previous].next = events_[i].next;
    events_[events_[i].next].previous = events_[i].previous;
  }
  void Relink(std::size_t i) {
    events_[events_[i].previous].next = i;
    events_[events_[i].next].previous = i;
  }

  std::vector<Event> events_;
};

// Which operations are linearized, and the register then: a configuration that failed once fails
// always.
struct Configuration {
  std::vector<bool> linearized;
  Value state = kAbsent;
  bool operator==(const Configuration&) const = default;
};
struct ConfigurationHash {
  std::size_t operator()(const Configuration& c) const {
    return std::hash<std::vector<bool>>()(c.linearized) * 1'000'003 + std::hash<Value>()(c.state);
  }
};

bool IsLinearizable(const std::vector<Operation>& history) {
  const auto certain = static_cast<std::size_t>(
      std::count_if(history.begin(), history.end(),
                    [](const Operation& op) { return op.returned != kNeverReturned; }));
  EventList events(history);
  Configuration now{std::vector<bool>(history.size()), kAbsent};
  std::unordered_set<Configuration, ConfigurationHash> tried;
  struct Step {
    std::size_t invocation;
    Value state_before;
  };
  std::vector<Step> path;
  std::size_t done = 0;  // linearized operations whose outcome is known
  std::size_t entry = events.first();
  while (done < certain) {
    const EventList::Event& event = events.at(entry);
    if (entry != EventList::kHead && !event.is_return) {
      const Operation& op = history[event.operation];
      const auto next_state = Apply(op, now.state);
      if (next_state) {
        Configuration next = now;
        next.linearized[event.operation] = true;
        next.state = *next_state;
        if (tried.insert(next).second) {
          path.push_back({entry, now.state});
          now = std::move(next);
          done += op.returned != kNeverReturned ? 1 : 0;
          events.Lift(entry);
          entry = events.first();
          continue;
        }
      }
      entry = event.next;
      continue;
    }
    // A return of an operation that is not linearized yet, or the end: this path can't go on.
    if (path.empty()) return false;
    const Step step = path.back();
    path.pop_back();
    const std::size_t operation = events.at(step.invocation).operation;
    now.linearized[operation] = false;
    now.state = step.state_before;
    done -= history[operation].returned != kNeverReturned ? 1 : 0;
    events.Unlift(step.invocation);
    entry = events.at(step.invocation).next;
  }
  return true;
}

std::string Describe(const Operation& op) {
  static constexpr std::string_view kNames[] = {"set", "get", "delete", "cas"};
  const std::string returned = op.returned == kNeverReturned ? "?" : fmt::format("{}", op.returned);
  return fmt::format(
      "  client {:<3} {:<6} argument {} expected {} -> seen {} succeeded {}  [{}, {}]\n", op.client,
      kNames[static_cast<std::size_t>(op.kind)], op.argument, op.expected, op.seen, op.succeeded,
      op.invoked, returned);
}

// The history as it was known at time `until`: later answers are not known yet.
std::vector<Operation> Prefix(const std::vector<Operation>& history, std::int64_t until) {
  std::vector<Operation> prefix;
  for (Operation op : history) {
    if (op.invoked > until) continue;
    if (op.returned > until) op.returned = kNeverReturned;
    prefix.push_back(op);
  }
  return prefix;
}

}  // namespace

std::optional<std::string> FindViolation(std::vector<Operation> history) {
  if (IsLinearizable(history)) return std::nullopt;
  std::vector<std::int64_t> returns;
  for (const Operation& op : history) {
    if (op.returned != kNeverReturned) returns.push_back(op.returned);
  }
  std::sort(returns.begin(), returns.end());
  // Linearizability is closed under prefixes, so the first bad one can be found by bisection.
  const auto bad = std::partition_point(returns.begin(), returns.end(), [&](std::int64_t until) {
    return IsLinearizable(Prefix(history, until));
  });
  const std::vector<Operation> prefix = Prefix(history, *bad);
  std::string text = fmt::format(
      "no order explains the answer given at {}; the last operations before it:\n", *bad);
  const std::size_t from = prefix.size() > 30 ? prefix.size() - 30 : 0;
  for (std::size_t i = from; i < prefix.size(); ++i) text += Describe(prefix[i]);
  return text;
}

}  // namespace prism::linearizability
