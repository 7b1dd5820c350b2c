#include "branching/scram/keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/check.h"

namespace prism::branching {
namespace {

constexpr std::size_t kNonceBytes = 18;

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string_view Bytes(const ScramKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

ScramKey Sha256(std::string_view bytes) {
  ScramKey hash{};
  SHA256(Octets(bytes), bytes.size(), hash.data());
  return hash;
}

ScramKey HmacSha256(std::string_view key, std::string_view bytes) {
  ScramKey signature{};
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Octets(bytes),
                         bytes.size(), signature.data(), nullptr) != nullptr;
  PRISM_CHECK(done, "OpenSSL can't compute HMAC-SHA-256");
  return signature;
}

ScramKey Xor(const ScramKey& a, const ScramKey& b) {
  ScramKey result{};
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = a[i] ^ b[i];
  return result;
}

bool SameKey(const ScramKey& a, const ScramKey& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

ScramKeys DeriveKeys(std::string_view password, std::string_view salt, std::uint32_t iterations) {
  ScramKey salted{};
  const bool done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Octets(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                        static_cast<int>(salted.size()), salted.data()) == 1;
  PRISM_CHECK(done, "OpenSSL can't compute PBKDF2 with HMAC-SHA-256");
  const ScramKeys keys{.client = HmacSha256(Bytes(salted), "Client Key"),
                       .server = HmacSha256(Bytes(salted), "Server Key")};
  OPENSSL_cleanse(salted.data(), salted.size());
  return keys;
}

std::string AuthMessage(std::string_view client_first_bare, std::string_view server_first,
                        std::string_view client_final_without_proof) {
  return fmt::format("{},{},{}", client_first_bare, server_first, client_final_without_proof);
}

Result<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return std::unexpected(Error(Code::kInternal, "NO_RANDOM_NUMBERS",
                                 "OpenSSL gives no random numbers: nobody can log in"));
  }
  return bytes;
}

Result<std::string> NewNonce() {
  TRY_ASSIGN(const std::string bytes, RandomBytes(kNonceBytes));
  return base::Base64Encode(bytes);
}

}  // namespace prism::branching
