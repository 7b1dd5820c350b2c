#include "gateway/metrics.h"

#include <map>

namespace prism::gateway {

namespace {

// The label of system services: they belong to no data model.
std::string_view ModelOf(const contract::MethodInfo& method) {
  return method.interface->model.empty() ? "system" : method.interface->model;
}

std::vector<MethodMetrics> SumMethods(std::span<const ShardSample> samples,
                                      const MethodTable& methods) {
  std::vector<MethodMetrics> sums(methods.routes().size());
  for (const ShardSample& sample : samples) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      for (std::size_t code = 0; code < kCodes; ++code) {
        sums[i].by_code[code] += sample.methods[i].by_code[code];
      }
      sums[i].durations.Merge(sample.methods[i].durations);
    }
  }
  return sums;
}

}  // namespace

void WriteAdminMetrics(std::span<const ShardSample> samples, const MethodTable& methods,
                       telemetry::PrometheusText& out) {
  const std::vector<MethodMetrics> sums = SumMethods(samples, methods);
  out.Counter("prism_admin_requests_total",
              "Calls of the admin port that have ended, pages included, by their canonical code.");
  for (const Route& route : methods.routes()) {
    for (std::size_t code = 0; code < kCodes; ++code) {
      const std::uint64_t count = sums[route.ordinal].by_code[code];
      if (count == 0) continue;
      out.Sample({{"method", route.method->label}, {"code", CodeName(static_cast<Code>(code))}},
                 count);
    }
  }
  out.Histogram("prism_admin_request_duration_seconds",
                "Time from the first byte of a call of the admin port to its answer.");
  for (const Route& route : methods.routes()) {
    if (sums[route.ordinal].durations.total() == 0) continue;
    out.Series({{"method", route.method->label}}, sums[route.ordinal].durations);
  }
  std::uint64_t refused = 0;
  for (const ShardSample& sample : samples) {
    for (const auto& codes : sample.protocols.refused) {
      for (const std::uint64_t count : codes) refused += count;
    }
  }
  out.Counter(
      "prism_admin_requests_refused_total",
      "Requests to the admin port that were answered with an error before they were served.");
  out.Sample({}, refused);
}

void GatewayMetrics::Write(std::span<const ShardSample> samples, telemetry::PrometheusText& out) {
  WriteMethods(samples, out);
  WriteProtocols(samples, out);
  WriteNamespaces(samples, out);

  out.Counter("prism_requests_rejected_total", "Calls that admission turned away, by reason.");
  for (std::size_t i = 0; i < kRejectionNames.size(); ++i) {
    std::uint64_t total = 0;
    for (const ShardSample& sample : samples) total += sample.rejected[i];
    out.Sample({{"reason", kRejectionNames[i]}}, total);
  }
  std::uint64_t in_flight = 0;
  std::uint64_t bound = 0;
  std::uint64_t slow = 0;
  for (const ShardSample& sample : samples) {
    slow += sample.slow;
    in_flight += sample.in_flight;
    bound += sample.bound_namespaces;
  }
  out.Counter("prism_slow_requests_total", "Calls that took slow_request_threshold or longer.");
  out.Sample({}, slow);
  out.Gauge("prism_requests_in_flight", "Calls that have begun and not ended.");
  out.Sample({}, in_flight);
  out.Gauge("prism_bound_namespaces", "Namespaces in use, summed over the shards.");
  out.Sample({}, bound);
}

void GatewayMetrics::WriteMethods(std::span<const ShardSample> samples,
                                  telemetry::PrometheusText& out) const {
  const std::vector<MethodMetrics> sums = SumMethods(samples, methods_);
  out.Counter("prism_requests_total", "Calls that have ended, by their canonical code.");
  for (const Route& route : methods_.routes()) {
    for (std::size_t code = 0; code < kCodes; ++code) {
      const std::uint64_t count = sums[route.ordinal].by_code[code];
      if (count == 0) continue;
      out.Sample({{"model", ModelOf(*route.method)},
                  {"method", route.method->label},
                  {"code", CodeName(static_cast<Code>(code))}},
                 count);
    }
  }
  out.Histogram("prism_request_duration_seconds",
                "Time from the first byte of a call to its answer.");
  for (const Route& route : methods_.routes()) {
    if (sums[route.ordinal].durations.total() == 0) continue;
    out.Series({{"model", ModelOf(*route.method)}, {"method", route.method->label}},
               sums[route.ordinal].durations);
  }
}

void GatewayMetrics::WriteProtocols(std::span<const ShardSample> samples,
                                    telemetry::PrometheusText& out) {
  ProtocolMetrics sums;
  for (const ShardSample& sample : samples) {
    for (std::size_t i = 0; i < sums.requests.size(); ++i) {
      sums.requests[i] += sample.protocols.requests[i];
      for (std::size_t code = 0; code < kCodes; ++code) {
        sums.refused[i][code] += sample.protocols.refused[i][code];
      }
    }
  }
  out.Counter("prism_protocol_requests_total", "Calls that were served, by their protocol.");
  for (std::size_t i = 0; i < sums.requests.size(); ++i) {
    out.Sample({{"protocol", rpc::kProtocolNames[i]}}, sums.requests[i]);
  }
  out.Counter("prism_requests_refused_total",
              "Requests answered with an error before they were served: no method, no format of "
              "ours, malformed, too large; they count for no method.");
  for (std::size_t i = 0; i < sums.refused.size(); ++i) {
    for (std::size_t code = 0; code < kCodes; ++code) {
      if (sums.refused[i][code] == 0) continue;
      out.Sample(
          {{"protocol", rpc::kProtocolNames[i]}, {"code", CodeName(static_cast<Code>(code))}},
          sums.refused[i][code]);
    }
  }
}

void GatewayMetrics::WriteNamespaces(std::span<const ShardSample> samples,
                                     telemetry::PrometheusText& out) {
  std::map<std::string_view, NamespaceMetrics> sums;
  NamespaceMetrics other;
  for (const ShardSample& sample : samples) {
    other.Add(sample.removed);
    for (const auto& [name, metrics] : sample.namespaces) sums[name].Add(metrics);
  }
  for (auto it = sums.begin(); it != sums.end();) {
    const bool own = own_series_.contains(it->first) || own_series_.size() < kMaxNamespaces;
    if (own) {
      own_series_.emplace(it->first);
      ++it;
    } else {
      other.Add(it->second);
      it = sums.erase(it);
    }
  }
  out.Counter("prism_namespace_requests_total",
              "Calls by namespace; beyond 1000 namespaces, and for removed ones, _other.");
  for (const auto& [name, metrics] : sums) out.Sample({{"namespace", name}}, metrics.requests);
  out.Sample({{"namespace", "_other"}}, other.requests);
  out.Counter("prism_namespace_errors_total", "Calls by namespace that ended with an error.");
  for (const auto& [name, metrics] : sums) out.Sample({{"namespace", name}}, metrics.errors);
  out.Sample({{"namespace", "_other"}}, other.errors);
}

}  // namespace prism::gateway
