#include "app/slow_page.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/units.h"
#include "rpc/server.h"
#include "telemetry/log.h"

namespace prism::app {

namespace {

using nlohmann::ordered_json;

ordered_json Entry(const gateway::SlowRequest& request) {
  const MonoNanos micros = request.duration / 1000;  // finer is noise
  ordered_json json = {
      {"time", telemetry::FormatTime(request.time)},
      {"duration_ms", static_cast<double>(micros) / 1000},
      {"method", request.method},
      {"namespace", request.ns},
      {"code", CodeName(request.code)},
  };
  if (!request.reason.empty()) json["reason"] = request.reason;
  json["protocol"] = rpc::ProtocolName(request.protocol);
  json["peer"] = request.peer;
  json["request_id"] = request.request_id;
  if (!request.trace_id.empty()) json["trace_id"] = request.trace_id;
  json["bytes_in"] = request.bytes_in;
  json["bytes_out"] = request.bytes_out;
  return json;
}

}  // namespace

std::string SlowPage(std::span<const gateway::SlowSample> shards) {
  MonoNanos threshold = 0;
  std::uint64_t total = 0;
  std::vector<const gateway::SlowRequest*> all;
  for (const gateway::SlowSample& shard : shards) {
    threshold = shard.threshold;  // the same everywhere
    total += shard.total;
    for (const gateway::SlowRequest& request : shard.kept) all.push_back(&request);
  }
  std::ranges::sort(all, std::ranges::greater(), &gateway::SlowRequest::time);
  ordered_json json = {
      {"threshold", base::FormatDuration(std::chrono::milliseconds(threshold / kNanosPerMilli))},
      {"total", total},
      {"requests", ordered_json::array()}};
  for (const gateway::SlowRequest* request : all) json["requests"].push_back(Entry(*request));
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace prism::app
