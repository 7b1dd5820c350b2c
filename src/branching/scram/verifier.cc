#include "branching/scram/verifier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/base64.h"
#include "branching/scram/attributes.h"
#include "branching/scram/password.h"

namespace prism::branching {
namespace {

constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
constexpr std::string_view kMd5Prefix = "md5";
constexpr std::size_t kMd5Digits = 32;

Error BadVerifier() {
  return {
      Code::kInvalidArgument, "BAD_VERIFIER",
      "a stored password is neither a SCRAM-SHA-256 verifier nor an MD5 hash: set it again with "
      "ALTER ROLE ... PASSWORD"};
}

// Up to `end`, which is skipped; nothing when there is none.
std::optional<std::string_view> TakeUntil(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  if (at == rest.npos) return std::nullopt;
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return part;
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

Result<ScramVerifier> ScramVerifier::Parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::unexpected(BadVerifier());
  std::string_view rest = text.substr(kPrefix.size());
  const auto iterations = TakeUntil(rest, ':');
  const auto salt = TakeUntil(rest, '$');
  const auto stored_key = TakeUntil(rest, ':');
  if (!iterations || !salt || !stored_key) return std::unexpected(BadVerifier());
  const auto count = ParseIterations(*iterations);
  auto salt_bytes = ParseSalt(*salt);
  const auto stored = ParseKey(*stored_key);
  const auto server = ParseKey(rest);
  if (!count || !salt_bytes || !stored || !server) return std::unexpected(BadVerifier());
  return ScramVerifier{.iterations = *count,
                       .salt = *std::move(salt_bytes),
                       .stored_key = *stored,
                       .server_key = *server};
}

Result<ScramVerifier> ScramVerifier::FromPassword(std::string_view password,
                                                  std::uint32_t iterations) {
  TRY_ASSIGN(std::string salt, RandomBytes(kDefaultSaltLength));
  const ScramKeys keys = DeriveKeys(PreparePassword(password), salt, iterations);
  return FromKeys(keys, std::move(salt), iterations);
}

ScramVerifier ScramVerifier::FromKeys(const ScramKeys& keys, std::string salt,
                                      std::uint32_t iterations) {
  return {.iterations = iterations,
          .salt = std::move(salt),
          .stored_key = Sha256(Bytes(keys.client)),
          .server_key = keys.server};
}

std::string ScramVerifier::ToString() const {
  return fmt::format("{}{}:{}${}:{}", kPrefix, iterations, base::Base64Encode(salt),
                     base::Base64Encode(Bytes(stored_key)), base::Base64Encode(Bytes(server_key)));
}

Result<StoredPassword> ParseStoredPassword(std::optional<std::string_view> text) {
  if (!text) return NoPassword{};
  const std::string_view digits = text->substr(std::min(text->size(), kMd5Prefix.size()));
  if (text->starts_with(kMd5Prefix) && digits.size() == kMd5Digits &&
      std::ranges::all_of(digits, IsLowerHex)) {
    return Md5Password{std::string(digits)};
  }
  return ScramVerifier::Parse(*text);
}

MockVerifiers::MockVerifiers(std::string secret, std::uint32_t iterations)
    : secret_(std::move(secret)), iterations_(iterations) {}

LoginVerifier MockVerifiers::Choose(const ScramVerifier* known, std::string_view user) const {
  const ScramKey hash = HmacSha256(secret_, user);
  LoginVerifier mock{.verifier = {.iterations = iterations_,
                                  .salt = std::string(Bytes(hash).substr(0, kDefaultSaltLength)),
                                  .stored_key = {},
                                  .server_key = {}},
                     .genuine = false};
  if (known == nullptr) return mock;
  return {.verifier = *known, .genuine = true};
}

Md5Verifier MockVerifiers::ChooseMd5(const Md5Password* known, std::string_view user) const {
  const ScramKey hash = HmacSha256(secret_, user);
  Md5Verifier mock{.hex = fmt::format("{:02x}", fmt::join(std::span(hash).first<16>(), "")),
                   .genuine = false};
  if (known == nullptr) return mock;
  return {.hex = known->hex, .genuine = true};
}

bool MockVerifiers::IsAmong(std::size_t share, std::size_t all, std::string_view user) const {
  const ScramKey hash = HmacSha256(secret_, user);
  // Bytes that nobody sees: the first ones are the salt of the mock.
  constexpr std::size_t kAt = 16;
  constexpr double kRange = 65536;
  const double place = (hash[kAt] * 256 + hash[kAt + 1]) / kRange;
  return place * static_cast<double>(all) < static_cast<double>(share);
}

}  // namespace prism::branching
