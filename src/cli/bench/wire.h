// The bytes that a load connection sends and reads: HTTP/2 frames around pre-built gRPC requests.
// Deliberately less than an HTTP/2 client (no priorities, no push, bodies of one frame): a load
// generator that costs as much as the server measures itself.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace prism::cli {

// Bodies travel in one DATA frame (RFC 9113 section 4.2: every peer takes 16,384 bytes).
constexpr std::size_t kMaxBenchMessage = 16'384 - 5;

// Frame types and flags used here (RFC 9113 section 6).
enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
constexpr std::uint8_t kFlagEndStream = 0x1;
constexpr std::uint8_t kFlagAck = 0x1;
constexpr std::uint8_t kFlagEndHeaders = 0x4;
constexpr std::uint8_t kFlagPadded = 0x8;

struct FrameHeader {
  std::uint32_t length;
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t stream;
};
constexpr std::size_t kFrameHeaderSize = 9;
FrameHeader ParseFrameHeader(const std::uint8_t* bytes);
void AppendFrameHeader(std::string& out, std::size_t length, std::uint8_t type, std::uint8_t flags,
                       std::uint32_t stream);
void AppendUint32(std::string& out, std::uint32_t value);

// Encodes request header blocks as a real client's settled HPACK state gives them: each name/value
// pair is inserted into the dynamic table once and is one byte from then on (RFC 7541
// sections 6.1, 6.2.1).
class HeaderEncoder {
 public:
  // Appends one field. `name_index` is the static table index of the name, 0 when it has none.
  void Append(std::string& out, int name_index, std::string_view name, std::string_view value);

 private:
  std::unordered_map<std::string, std::uint32_t> inserted_;  // "name\0value" -> order of insertion
};

// What a response header block says.
struct ResponseHeaders {
  int grpc_status = -1;  // -1: not in this block
  std::string grpc_message;
  bool http_ok = false;  // ":status: 200" in this block
};

// Decodes response blocks. A block of single-byte indexed fields does not change the table, so its
// meaning is remembered; everything else goes through the real inflater.
class HeaderDecoder {
 public:
  HeaderDecoder();
  ~HeaderDecoder();
  // The answer is valid until the next call.
  Result<const ResponseHeaders*> Decode(std::string_view block);

 private:
  Status Inflate(std::string_view block, ResponseHeaders& into);

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::unordered_map<std::string, ResponseHeaders> remembered_;
  ResponseHeaders last_;
};

}  // namespace prism::cli
