#include "models/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>
#include <string>

namespace prism::models {
namespace {

void AppendLength(std::string& to, std::uint64_t length) {
  for (int shift = 0; shift < 64; shift += 8) to.push_back(static_cast<char>(length >> shift));
}

std::string Join(std::span<const std::string_view> parts) {
  std::string joined;
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size() + 8;
  joined.reserve(size);
  for (const std::string_view part : parts) {
    AppendLength(joined, part.size());
    joined.append(part);
  }
  return joined;
}

}  // namespace

Digest DigestOf(std::span<const std::string_view> parts) {
  const std::string input = Join(parts);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_Digest(input.data(), input.size(), hash.data(), &size, EVP_sha256(), nullptr);
  Digest digest;
  std::memcpy(&digest.high, hash.data(), 8);
  std::memcpy(&digest.low, hash.data() + 8, 8);
  return digest;
}

std::array<unsigned char, 16> AuthenticationCode(std::span<const unsigned char> key,
                                                 std::span<const std::string_view> parts) {
  const std::string input = Join(parts);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), hash.data(), &size);
  std::array<unsigned char, 16> code{};
  std::memcpy(code.data(), hash.data(), code.size());
  return code;
}

}  // namespace prism::models
