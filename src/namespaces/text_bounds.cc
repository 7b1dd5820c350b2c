#include "namespaces/text_bounds.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace prism::namespaces {

namespace {

// `text` is UTF-8, in which C1 is C2 80 to C2 9F.
bool HasControl(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return true;
    before = byte;
  }
  return false;
}

}  // namespace

std::optional<std::string> WrongText(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return fmt::format("must have at most {} bytes", max_bytes);
  if (!base::IsValidUtf8(text)) return "must be UTF-8";
  if (HasControl(text)) return "must be one line without control characters";
  return std::nullopt;
}

}  // namespace prism::namespaces
