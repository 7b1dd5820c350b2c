// HTTP/2 (RFC 9113), HPACK (RFC 7541) and gRPC written byte by byte: what no client library sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prism::floods {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr int kEndStream = 1;
inline constexpr int kEndHeaders = 4;
inline constexpr int kPadded = 8;

inline constexpr std::string_view kGetPath = "/prism.keyvalue.v1.KeyValueBasic/Get";
inline constexpr std::string_view kSetPath = "/prism.keyvalue.v1.KeyValueBasic/Set";

// Big-endian, as everything here.
std::string Number(std::uint32_t value, int bytes = 4);
std::string Frame(FrameType type, int flags, std::int32_t id, std::string_view payload = {});
std::string Setting(std::uint16_t id, std::uint32_t value);
// What a client says first; `settings` are Setting()s.
std::string Hello(std::string_view settings = {});

// A literal field; with `index` the receiver remembers it as entry 62.
std::string Literal(std::string_view name, std::string_view value, bool index = false);
// The header block of a gRPC call.
std::string CallBlock(std::string_view path);
// A message with its gRPC prefix.
std::string Framed(std::string_view message, bool compressed = false);
// A whole call: HEADERS and DATA.
std::string CallFrames(std::int32_t id, std::string_view path, std::string_view message);
// DATA frames for a body of any size; the last ends the stream if `end`.
std::string DataFrames(std::int32_t id, std::string_view body, bool end);

// GetRequest and SetRequest of prism.keyvalue.v1 in the namespace scratch.
std::string GetMessage(std::string_view key);
std::string SetMessage(std::string_view key, std::string_view value);

}  // namespace prism::floods
