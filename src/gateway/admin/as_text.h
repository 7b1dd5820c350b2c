// Bytes of others in an answer, which is UTF-8.
#pragma once

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace prism::gateway {

// Clients send, servers print and paths have whatever encoding they like: what is not UTF-8 comes
// with question marks for all but printable ASCII, line ends and tabs.
inline std::string AsText(std::string bytes) {
  if (base::IsValidUtf8(bytes)) return bytes;
  std::ranges::replace_if(
      bytes, [](char c) { return c != '\n' && c != '\t' && (c < ' ' || c == 0x7f); }, '?');
  return bytes;
}

}  // namespace prism::gateway
