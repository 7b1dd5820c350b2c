#include "security/token_text.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>

namespace prism::security {

namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
// Bytes from here on would make the first digits more likely than the others.
constexpr unsigned kFairBytes = 256 / 62 * 62;

bool IsDigits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

Status AppendRandom(std::string& text, std::size_t digits) {
  std::array<unsigned char, 64> bytes{};
  while (digits > 0) {
    if (getentropy(bytes.data(), bytes.size()) != 0) {
      return std::unexpected(Error(Code::kInternal, "NO_RANDOM_NUMBERS",
                                   "the kernel gives no random numbers: no token was made"));
    }
    for (const unsigned char byte : bytes) {
      if (digits == 0) break;
      if (byte >= kFairBytes) continue;
      text.push_back(kDigits[byte % 62]);
      --digits;
    }
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return {};
}

std::array<char, kTokenChecksumLength> ChecksumOf(std::string_view text) {
  std::uint32_t sum = static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(text.data()), text.size()));
  std::array<char, kTokenChecksumLength> digits{};
  for (std::size_t i = digits.size(); i-- > 0; sum /= 62) digits[i] = kDigits[sum % 62];
  return digits;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Result<std::string> NewTokenText() {
  std::string text(kTokenPrefix);
  text.reserve(kTokenLength);
  TRY(AppendRandom(text, kTokenIdLength));
  text.push_back('_');
  TRY(AppendRandom(text, kTokenSecretLength));
  const auto checksum = ChecksumOf(text);
  return text.append(checksum.data(), checksum.size());
}

std::optional<TokenParts> ParseToken(std::string_view text) {
  if (text.size() != kTokenLength || !text.starts_with(kTokenPrefix)) return std::nullopt;
  const std::string_view body = text.substr(0, kTokenLength - kTokenChecksumLength);
  const std::string_view id = body.substr(kTokenPrefix.size(), kTokenIdLength);
  const std::string_view secret = body.substr(body.size() - kTokenSecretLength);
  if (body[body.size() - kTokenSecretLength - 1] != '_' || !IsDigits(id) || !IsDigits(secret)) {
    return std::nullopt;
  }
  const auto checksum = ChecksumOf(body);
  if (!text.ends_with(std::string_view(checksum.data(), checksum.size()))) return std::nullopt;
  return TokenParts{id, secret};
}

bool IsTokenId(std::string_view text) { return text.size() == kTokenIdLength && IsDigits(text); }

SecretHash HashSecret(std::string_view secret) {
  SecretHash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), hash.data());
  return hash;
}

std::string HexOf(const SecretHash& hash) {
  std::string hex;
  for (const unsigned char byte : hash) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

std::optional<SecretHash> HashFromHex(std::string_view hex) {
  SecretHash hash{};
  if (hex.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return hash;
}

bool SameHash(const SecretHash& a, const SecretHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RedactTokens(std::string_view text) {
  std::string redacted(text);
  for (std::size_t at = redacted.find(kTokenPrefix); at != redacted.npos;
       at = redacted.find(kTokenPrefix, at + kTokenPrefix.size())) {
    const std::string_view candidate = std::string_view(redacted).substr(at, kTokenLength);
    if (!ParseToken(candidate)) continue;
    const std::size_t secret = kTokenPrefix.size() + kTokenIdLength + 1;
    redacted.replace(at + secret, kTokenLength - secret, "...");
  }
  return redacted;
}

}  // namespace prism::security
