// Attacks that take their time: many kinds of slow peers at once, and a limit of the server that
// each of them runs into.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "rpc/client/client.h"
#include "tests/floods/arena.h"
#include "tests/floods/attack.h"

namespace prism::floods {

// One way to be slow.
struct Dawdler {
  std::string name;
  Script script;
  // Over HTTP/2 only the call may be over: the connection stays, and hears RST_STREAM.
  bool stays = false;
};

// A server.limits time-out: so short that every test run can wait for it, its default under soak.
struct TimeLimit {
  std::string name;
  MonoNanos by_default = 0;

  std::chrono::milliseconds Value() const;
  // A line of prism.yaml, with small buffers.
  std::string Config() const;
};

struct SlowAttack {
  std::string name;
  TimeLimit limit;
  std::vector<Dawdler> kinds;
  std::size_t read_bytes = 0;  // as Attack::read_bytes
  Listener listener = {};
  std::int64_t each_in_soak = 128;  // connections of each kind
  // Each makes the server hold so much that the next has to wait until it was given up.
  bool by_turns = false;
};

// Attacks from connections of every kind, a step of each script in a twentieth of the time limit,
// and checks that all of them were cut off in time: the limit, one more look at the connection
// (docs/adr/0062), and the second in which the server hears out whom it has refused. Under soak
// they come back.
Report RunSlow(Arena& arena, const SlowAttack& attack);
// The number of the kind that the connection with this index has.
std::size_t KindOf(const SlowAttack& attack, const Attacker& attacker);

// After `first` the bytes of `rest` one by one, over and over.
Script Drip(std::string first, std::string rest);
// `all`, then nothing.
Script Once(std::string all);

}  // namespace prism::floods
