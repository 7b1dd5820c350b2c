// gRPC-Web text: a stream as base64, in pieces that may each end with padding. Source: gRPC-Web
// protocol, "HTTP wire protocols".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

// Decodes however the characters arrive. Whole groups of four only: what is left at the end of a
// stream is a sender that was cut off. Thread rule: one thread at a time.
class Base64Stream {
 public:
  // Appends what is complete to `out`. INTERNAL/GRPC_WEB_TEXT_MALFORMED.
  Status Decode(std::string_view text, std::string& out);
  // Characters that wait for the rest of their group.
  std::size_t pending() const { return count_; }
  void Reset();

 private:
  Status TakeGroup(std::string& out);

  char group_[4] = {};
  std::size_t count_ = 0;
};

}  // namespace prism::rpc
