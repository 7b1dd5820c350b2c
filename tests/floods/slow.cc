#include "tests/floods/slow.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/testing/rounds.h"

namespace prism::floods {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShort{1'000};
constexpr int kSteps = 20;  // of a script, within the limit
// The server hears out whom it refused for a second; the rest is for the machine.
constexpr milliseconds kAfterwards{1'500};
// While others wait for memory, standing still is borne for so long (docs/adr/0069).
constexpr milliseconds kLongestTurn{2'000};

milliseconds Longest(const SlowAttack& attack, std::int64_t connections) {
  const milliseconds turn = std::min(attack.limit.Value(), kLongestTurn);
  return 2 * attack.limit.Value() + kAfterwards + (attack.by_turns ? connections : 0) * turn;
}

// What became of all connections of one kind.
Fate Sum(const std::vector<Fate>& fates, std::size_t kind, std::size_t kinds) {
  Fate sum;
  for (std::size_t i = kind; i < fates.size(); i += kinds) {
    sum.ended += fates[i].ended;
    sum.refused += fates[i].refused;
    sum.longest_seconds = std::max(sum.longest_seconds, fates[i].longest_seconds);
    sum.refused_seconds = std::max(sum.refused_seconds, fates[i].refused_seconds);
    if (sum.refusal == 0) sum.refusal = fates[i].refusal;
  }
  return sum;
}

// Each connection was cut off once.
bool AllOver(const SlowAttack& attack, const Outcome& outcome) {
  for (std::size_t i = 0; i < outcome.fates.size(); ++i) {
    const Fate& fate = outcome.fates[i];
    const bool stays = attack.kinds[i % attack.kinds.size()].stays;
    if ((stays ? fate.refused : fate.ended) == 0) return false;
  }
  return true;
}

void Judge(const Dawdler& kind, const Fate& fate, std::int64_t connections, double allowed) {
  fmt::print("  {}: {} ended, the last after {:.1f} s; {} told ({}), the last after {:.1f} s\n",
             kind.name, fate.ended, fate.longest_seconds, fate.refused, fate.refusal,
             fate.refused_seconds);
  if (kind.stays) {
    EXPECT_GE(fate.refused, connections) << kind.name << ": calls went on";
    EXPECT_LE(fate.refused_seconds, allowed) << kind.name;
  } else {
    EXPECT_GE(fate.ended, connections) << kind.name << ": connections stayed";
    EXPECT_LE(fate.longest_seconds, allowed) << kind.name;
  }
}

}  // namespace

milliseconds TimeLimit::Value() const {
  return Soaking() ? milliseconds(by_default / kNanosPerMilli) : kShort;
}

std::string TimeLimit::Config() const {
  if (Soaking()) return "server: {}\n";
  return fmt::format("server: {{limits: {{{}: {}ms}}}}\n", name, kShort.count());
}

std::size_t KindOf(const SlowAttack& attack, const Attacker& attacker) {
  return static_cast<std::size_t>(attacker.index) % attack.kinds.size();
}

Report RunSlow(Arena& arena, const SlowAttack& attack) {
  const std::int64_t each = base::Rounds(16, attack.each_in_soak);
  const auto kinds = static_cast<std::int64_t>(attack.kinds.size());
  const milliseconds longest = Longest(attack, each * kinds);
  const Report report =
      arena.Run({.name = attack.name,
                 .script =
                     [&attack](Attacker& attacker, std::string& out) {
                       attack.kinds[KindOf(attack, attacker)].script(attacker, out);
                     },
                 .connections = static_cast<int>(each * kinds),
                 .pause = attack.limit.Value() / kSteps,
                 .read_bytes = attack.read_bytes,
                 .listener = attack.listener,
                 .max_attempts = Soaking() ? 1'000'000 : each * kinds,
                 .duration = Soaking() ? std::max(AttackTime(), 2 * longest) : attack.limit.Value(),
                 .until = [&attack](const Outcome& outcome) { return AllOver(attack, outcome); }});
  const double allowed = std::chrono::duration<double>(longest).count() + report.slowdown;
  for (std::size_t i = 0; i < attack.kinds.size(); ++i) {
    Judge(attack.kinds[i], Sum(report.attack.fates, i, attack.kinds.size()), each, allowed);
  }
  return report;
}

Script Drip(std::string first, std::string rest) {
  return [first = std::move(first), rest = std::move(rest)](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = first;
    out += rest[static_cast<std::size_t>(attacker.step) % rest.size()];
  };
}

Script Once(std::string all) {
  return [all = std::move(all)](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = all;
  };
}

}  // namespace prism::floods
