#include "branching/scram/md5_login.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

namespace prism::branching {

Result<std::string> Md5Answer(std::string_view hex, std::string_view salt) {
  const std::string text = fmt::format("{}{}", hex, salt);
  std::array<unsigned char, 16> hash{};
  if (EVP_Q_digest(nullptr, "MD5", nullptr, text.data(), text.size(), hash.data(), nullptr) != 1) {
    return std::unexpected(
        Error(Code::kInternal, "NO_MD5",
              "OpenSSL offers no MD5: give the roles of the source new passwords "
              "with password_encryption = 'scram-sha-256'"));
  }
  return fmt::format("md5{:02x}", fmt::join(hash, ""));
}

Status CheckMd5Answer(const Md5Verifier& verifier, std::string_view salt, std::string_view answer) {
  TRY_ASSIGN(const std::string right, Md5Answer(verifier.hex, salt));
  const bool same = answer.size() == right.size() &&
                    CRYPTO_memcmp(answer.data(), right.data(), right.size()) == 0;
  if (same && verifier.genuine) return {};
  return std::unexpected(Error(Code::kUnauthenticated, "WRONG_PASSWORD",
                               "password authentication failed: check user and password"));
}

}  // namespace prism::branching
