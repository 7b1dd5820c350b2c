// The headers that say who caused a call: traceparent, tracestate, x-request-id. The first line of
// an input is the first header, the rest the second. What is taken over is well-formed when it is
// passed on; what is not makes a new trace or a new id.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "telemetry/id_source.h"
#include "telemetry/request_id.h"
#include "telemetry/trace_context.h"

namespace {

namespace telemetry = prism::telemetry;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckTrace(std::string_view parent, std::string_view state) {
  telemetry::IdSource ids(1);
  telemetry::TraceContext trace;
  trace.Begin(parent, state, ids);
  Require(trace.active());

  const std::string onward = trace.TraceparentHeader();
  const auto next = telemetry::ParseTraceparent(onward);
  Require(next && next->trace_id == trace.trace_id() && next->parent_id == trace.span_id() &&
          next->sampled == trace.sampled());
  const auto given = telemetry::ParseTraceparent(parent);
  Require(given.has_value() == !trace.parent_id().empty());
  if (given) {
    Require(given->trace_id == trace.trace_id() && given->parent_id == trace.parent_id());
    Require(!parent.starts_with("00") || parent.size() == telemetry::TraceContext::kHeaderBytes);
  }
  if (!trace.tracestate().empty()) Require(given && telemetry::IsTracestate(trace.tracestate()));
}

void CheckState(std::string_view state) {
  if (!telemetry::IsTracestate(state)) return;
  // An empty member changes nothing.
  Require(telemetry::IsTracestate(std::string(state) + " ,"));
  for (const char c : state) Require(c == '\t' || (c >= ' ' && c <= '~'));
}

void CheckRequestId(std::string_view given) {
  telemetry::RequestId id;
  id.Make(1);
  const bool taken = id.Take(given);
  Require(taken == telemetry::RequestId::IsSane(given));
  Require(telemetry::RequestId::IsSane(id.text()) && (!taken || id.text() == given));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t end = bytes.find('\n');
  const std::string_view first = bytes.substr(0, end);
  const std::string_view rest = end == bytes.npos ? std::string_view() : bytes.substr(end + 1);
  CheckTrace(first, rest);
  CheckState(rest);
  CheckRequestId(first);
  return 0;
}
