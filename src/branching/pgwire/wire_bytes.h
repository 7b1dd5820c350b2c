// Numbers and strings as PostgreSQL's protocol has them: big endian, strings end with a zero byte
// (PostgreSQL documentation, "Message Data Types").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prism::branching {

// `from` has at least four bytes.
inline std::uint32_t Int32At(const char* from) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
         (std::uint32_t{bytes[2]} << 8) | std::uint32_t{bytes[3]};
}

inline void AppendInt32(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(value >> shift));
}

// Up to the first zero byte: what follows one would be read as the next field.
inline void AppendText(std::string& out, std::string_view text) {
  out.append(text.substr(0, text.find('\0'))).push_back('\0');
}

}  // namespace prism::branching
