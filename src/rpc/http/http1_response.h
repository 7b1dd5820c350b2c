// Responses of HTTP/1.1 as text. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rpc/http/http_codec.h"

namespace prism::rpc {

// How a peer learns where the body ends (RFC 9112 section 6.3).
enum class Http1BodyEnd : std::uint8_t {
  kNone,     // by the status, or because it asked with HEAD
  kLength,   // Content-Length
  kChunked,  // the chunk of size 0
  kClose,    // the end of the connection
};

struct Http1Response {
  std::span<const HeaderField> headers;  // ":status" first
  Http1BodyEnd end = Http1BodyEnd::kLength;
  std::size_t length = 0;       // for kLength
  bool keeps_length = false;    // the application's content-length stands
  std::string_view connection;  // empty: the version's default
};

// Status line to empty line. Fields that say how the message is framed are the codec's: the
// application's are left out. Control characters in values become spaces (RFC 9110 section 5.5).
void AppendHttp1Head(std::string& out, const Http1Response& response);

// A chunk with all of `bytes`, which are not empty.
void AppendHttp1Chunk(std::string& out, std::string_view bytes);
// The last chunk, with trailers.
void AppendHttp1LastChunk(std::string& out, std::span<const HeaderField> trailers);

// The three digits of ":status".
std::string_view StatusOf(std::span<const HeaderField> headers);

}  // namespace prism::rpc
