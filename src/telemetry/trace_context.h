// W3C Trace Context (Recommendation of 23 November 2021): who caused this call, as its headers
// traceparent and tracestate say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "telemetry/id_source.h"

namespace prism::telemetry {

// What one traceparent says; views of it.
struct Traceparent {
  std::string_view trace_id;   // 32 lower-case hexadecimal digits, not all 0
  std::string_view parent_id;  // 16 of them, not all 0
  bool sampled = false;
};

// Section 3.2. Of a version above 00 the parts that 00 has are read, whatever follows them. Nothing
// when malformed.
std::optional<Traceparent> ParseTraceparent(std::string_view header);

// Section 3.3: a list of at most 32 members `key=value`; members may be empty. An empty list is
// well-formed and says nothing.
bool IsTracestate(std::string_view list);

// The trace that a call belongs to, and the call's own span in it. Most calls belong to none: then
// this is one byte that was looked at. Thread rule: one owner.
class TraceContext {
 public:
  static constexpr std::size_t kTraceIdBytes = 32;
  static constexpr std::size_t kSpanIdBytes = 16;
  static constexpr std::size_t kHeaderBytes = 55;  // of a traceparent, version 00

  // The call has these headers. A traceparent that is malformed makes a new trace, which nobody
  // records, and a tracestate without a good traceparent, or malformed itself, is dropped (section
  // 4.3). `tracestate` outlives this object.
  void Begin(std::string_view traceparent, std::string_view tracestate, IdSource& ids);

  bool active() const { return active_; }
  // The rest only while active().
  std::string_view trace_id() const { return {trace_id_, kTraceIdBytes}; }
  // Of this call: what it calls in turn has it as its parent.
  std::string_view span_id() const { return {span_id_, kSpanIdBytes}; }
  // Of the caller; empty when the trace begins here.
  std::string_view parent_id() const { return {parent_id_, parent_size_}; }
  bool sampled() const { return sampled_; }
  // To be passed on as it is; empty: none.
  std::string_view tracestate() const { return tracestate_; }
  // The header of a call that this one makes. Flags but `sampled` are cleared (section 3.2.2.5).
  std::string TraceparentHeader() const;

 private:
  bool active_ = false;
  bool sampled_ = false;
  std::uint8_t parent_size_ = 0;
  char trace_id_[kTraceIdBytes];
  char span_id_[kSpanIdBytes];
  char parent_id_[kSpanIdBytes];
  std::string_view tracestate_;
};

}  // namespace prism::telemetry
