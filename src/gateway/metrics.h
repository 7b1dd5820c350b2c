// What the gateway counts: plain numbers per shard, copied and summed when scraped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "gateway/method_table.h"
#include "rpc/server.h"
#include "telemetry/histogram.h"
#include "telemetry/prometheus.h"

namespace prism::gateway {

inline constexpr std::size_t kCodes = 17;  // google.rpc.Code, OK included

struct MethodMetrics {
  std::array<std::uint64_t, kCodes> by_code{};
  telemetry::DurationHistogram durations;  // from the first byte read to the answer

  void Count(Code code, std::int64_t nanos) {
    ++by_code[static_cast<std::size_t>(code)];
    durations.Observe(nanos);
  }
};

struct NamespaceMetrics {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;

  void Count(Code code) {
    ++requests;
    if (code != Code::kOk) ++errors;
  }
  void Add(const NamespaceMetrics& other) {
    requests += other.requests;
    errors += other.errors;
  }
};

// By protocol.
struct ProtocolMetrics {
  std::array<std::uint64_t, rpc::kProtocolNames.size()> requests{};
  // Those that were answered with an error before they were served: they count for no method.
  std::array<std::array<std::uint64_t, kCodes>, rpc::kProtocolNames.size()> refused{};
};

// Why admission turned calls away.
enum class Rejection : std::uint8_t { kRate, kInFlight, kQueueDelay };
inline constexpr std::array<std::string_view, 3> kRejectionNames = {"rate", "in_flight",
                                                                    "queue_delay"};

// A copy of one shard's numbers.
struct ShardSample {
  std::vector<MethodMetrics> methods;  // by ordinal
  std::vector<std::pair<std::string, NamespaceMetrics>> namespaces;
  NamespaceMetrics removed;  // of namespaces that are gone
  std::array<std::uint64_t, kRejectionNames.size()> rejected{};
  ProtocolMetrics protocols;
  std::uint64_t slow = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t bound_namespaces = 0;
};

// Sums what the admin port counts and writes it.
void WriteAdminMetrics(std::span<const ShardSample> samples, const MethodTable& methods,
                       telemetry::PrometheusText& out);

// Sums the samples and writes them. Remembers which namespaces have a series of their own: the
// first 1000, for the life of the process; the others share `_other`. One thread or shard.
class GatewayMetrics {
 public:
  static constexpr std::size_t kMaxNamespaces = 1000;

  explicit GatewayMetrics(const MethodTable& methods) : methods_(methods) {}
  void Write(std::span<const ShardSample> samples, telemetry::PrometheusText& out);

 private:
  void WriteMethods(std::span<const ShardSample> samples, telemetry::PrometheusText& out) const;
  static void WriteProtocols(std::span<const ShardSample> samples, telemetry::PrometheusText& out);
  void WriteNamespaces(std::span<const ShardSample> samples, telemetry::PrometheusText& out);

  const MethodTable& methods_;
  std::set<std::string, std::less<>> own_series_;
};

}  // namespace prism::gateway
