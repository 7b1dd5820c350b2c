// Why a stream or a connection ends.
#pragma once

#include <cstdint>

namespace prism::rpc {

// The codes of RFC 9113 section 7. HTTP/1.1 has nothing like them: its codec says the same things
// to the layer above, and to the peer by closing the connection.
enum class HttpError : std::uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kStreamClosed = 5,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

}  // namespace prism::rpc
