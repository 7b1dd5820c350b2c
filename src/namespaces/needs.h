// What an application declares that it needs of a namespace.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "namespaces/setting_kinds.h"

namespace prism::namespaces {

enum class AccessPattern : std::uint8_t { kReadHeavy, kWriteHeavy, kAppendHeavy, kBalanced };
template <>
inline constexpr std::array<std::string_view, 4> kNamesOf<AccessPattern> = {
    "read_heavy", "write_heavy", "append_heavy", "balanced"};

// Declared, kept and shown; nothing acts on it. What is not declared is not asked for.
struct Needs {
  std::optional<AccessPattern> access_pattern;
  std::optional<contract::Durability> durability;  // of an acknowledged write, at least
  std::optional<contract::Consistency> consistency;
  std::optional<bool> ordered;                         // in the order of writing
  std::optional<bool> replay;                          // what was read can be read again
  std::optional<std::uint64_t> read_rps;               // expected calls a second
  std::optional<std::uint64_t> write_rps;              // likewise
  std::optional<std::uint64_t> latency_p99_ms;         // at most, of 99 calls in 100
  std::optional<std::uint64_t> data_size;              // expected bytes
  std::optional<std::chrono::milliseconds> retention;  // 0: for ever
  std::optional<std::uint64_t> max_message_size;       // bytes of the largest value or message
  std::optional<std::chrono::milliseconds> ttl;        // for how long a value is of use
  std::optional<bool> enable_cache;                    // false: not even where it would help
  std::optional<std::uint64_t> kafka_partitions;       // where it comes to be on Kafka
  std::optional<std::uint64_t> kafka_replication_factor;

  bool operator==(const Needs&) const = default;
};

// Calls `visit` with key, member and, of numbers and times, bounds; of sizes visit.Size. For
// readers and writers alike: each need has its place here, and in the files that the README names.
template <class Visitor, class N>
void VisitNeeds(Visitor& visit, N& needs) {
  constexpr Bounds kRate{.min = 0, .max = 1'000'000'000};
  visit("access_pattern", needs.access_pattern);
  visit("durability", needs.durability);
  visit("consistency", needs.consistency);
  visit("ordered", needs.ordered);
  visit("replay", needs.replay);
  visit("read_rps", needs.read_rps, kRate);
  visit("write_rps", needs.write_rps, kRate);
  visit("latency_p99_ms", needs.latency_p99_ms, Bounds{.min = 1, .max = 3'600'000});
  visit.Size("data_size", needs.data_size, Bounds());
  visit("retention", needs.retention, Bounds{.min = 0, .max = kMaxMillis});
  visit.Size("max_message_size", needs.max_message_size, Bounds{.min = 1, .max = 1ull << 30});
  visit("ttl", needs.ttl, Bounds{.min = 1, .max = kMaxMillis});
  visit("enable_cache", needs.enable_cache);
  visit("kafka_partitions", needs.kafka_partitions, Bounds{.min = 1, .max = 100'000});
  visit("kafka_replication_factor", needs.kafka_replication_factor, Bounds{.min = 1, .max = 1000});
}

}  // namespace prism::namespaces
