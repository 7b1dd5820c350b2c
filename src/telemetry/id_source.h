// Where the ids of requests, spans and traces come from.
#pragma once

#include <cstdint>

namespace prism::telemetry {

// Numbers that never repeat within a source and look random, from a counter with a random start:
// taking one is an addition, and the scrambling can wait until somebody reads it. No secrets: who
// sees one can compute the others. Thread rule: one owner; every shard has a source of its own.
class IdSource {
 public:
  // The start comes from the kernel.
  IdSource();
  explicit IdSource(std::uint64_t start) : next_(start) {}

  // What Scramble makes an id of.
  std::uint64_t Take() { return next_++; }
  // Never 0: no span and no trace may be called so.
  std::uint64_t TakeId() {
    const std::uint64_t id = Scramble(next_++);
    return id != 0 ? id : Scramble(next_++);
  }

  // A bijection (the finalizer of SplitMix64), so that what differs goes on to differ.
  static constexpr std::uint64_t Scramble(std::uint64_t id) {
    id = (id ^ (id >> 30)) * 0xBF58476D1CE4E5B9u;
    id = (id ^ (id >> 27)) * 0x94D049BB133111EBu;
    return id ^ (id >> 31);
  }

 private:
  std::uint64_t next_;
};

// Sixteen lower-case hexadecimal digits, the highest first.
void WriteHex(std::uint64_t number, char* into);

}  // namespace prism::telemetry
