#include "tests/floods/frames.h"

#include <algorithm>

#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::floods {
namespace {

constexpr std::size_t kMaxFrameBytes = 16 * 1024;

// RFC 7541 section 5.1, with a prefix of 7 bits.
std::string Length(std::size_t size) {
  if (size < 127) return {static_cast<char>(size)};
  std::string out(1, '\x7f');
  for (size -= 127; size >= 128; size >>= 7) out.push_back(static_cast<char>((size & 127) | 128));
  out.push_back(static_cast<char>(size));
  return out;
}

}  // namespace

std::string Number(std::uint32_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
  return out;
}

std::string Frame(FrameType type, int flags, std::int32_t id, std::string_view payload) {
  std::string out = Number(static_cast<std::uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out.append(Number(static_cast<std::uint32_t>(id))).append(payload);
}

std::string Setting(std::uint16_t id, std::uint32_t value) { return Number(id, 2) + Number(value); }

std::string Hello(std::string_view settings) {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, settings);
}

std::string Literal(std::string_view name, std::string_view value, bool index) {
  std::string out(1, index ? '\x40' : '\0');
  return out.append(Length(name.size())).append(name).append(Length(value.size())).append(value);
}

std::string CallBlock(std::string_view path) {
  // Indexed: POST, http.
  return "\x83\x86" + Literal(":path", path) + Literal(":authority", "localhost") +
         Literal("content-type", "application/grpc") + Literal("te", "trailers");
}

std::string Framed(std::string_view message, bool compressed) {
  std::string out(1, compressed ? '\1' : '\0');
  return out.append(Number(static_cast<std::uint32_t>(message.size()))).append(message);
}

std::string CallFrames(std::int32_t id, std::string_view path, std::string_view message) {
  return Frame(kHeaders, kEndHeaders, id, CallBlock(path)) + DataFrames(id, Framed(message), true);
}

std::string DataFrames(std::int32_t id, std::string_view body, bool end) {
  std::string out;
  do {
    const std::string_view part = body.substr(0, kMaxFrameBytes);
    body.remove_prefix(part.size());
    out += Frame(kData, end && body.empty() ? kEndStream : 0, id, part);
  } while (!body.empty());
  return out;
}

std::string GetMessage(std::string_view key) {
  keyvalue::v1::GetRequest request;
  request.set_namespace_("scratch");
  request.set_key(std::string(key));
  return request.SerializeAsString();
}

std::string SetMessage(std::string_view key, std::string_view value) {
  keyvalue::v1::SetRequest request;
  request.set_namespace_("scratch");
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  return request.SerializeAsString();
}

}  // namespace prism::floods
