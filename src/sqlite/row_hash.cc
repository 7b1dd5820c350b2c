#include "sqlite/row_hash.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace prism::sqlite {

RowHash& RowHash::Int(std::int64_t value) {
  Append('i', static_cast<std::uint64_t>(value));
  return *this;
}

RowHash& RowHash::Text(std::string_view text) {
  Append('t', text.size());
  values_.append(text);
  return *this;
}

RowHash& RowHash::Null() {
  Append('n', 0);
  return *this;
}

std::string RowHash::Hex() const {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(values_.data()), values_.size(), digest.data());
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

void RowHash::Append(char type, std::uint64_t number) {
  values_.push_back(type);
  for (int shift = 56; shift >= 0; shift -= 8) {
    values_.push_back(static_cast<char>(number >> shift & 0xff));
  }
}

}  // namespace prism::sqlite
