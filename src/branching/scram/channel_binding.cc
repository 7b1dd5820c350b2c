#include "branching/scram/channel_binding.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

namespace prism::branching {
namespace {

// Null: none.
const EVP_MD* SignatureHash(X509* certificate) {
  int hash = NID_undef;
  if (X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) != 1) return nullptr;
  if (hash == NID_undef) return nullptr;
  if (hash == NID_md5 || hash == NID_sha1) return EVP_sha256();
  return EVP_get_digestbynid(hash);
}

}  // namespace

std::string TlsServerEndPoint(X509* certificate) {
  const EVP_MD* hash = SignatureHash(certificate);
  if (hash == nullptr) return {};
  std::string bytes(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  if (X509_digest(certificate, hash, out, &length) != 1) return {};
  bytes.resize(length);
  return bytes;
}

}  // namespace prism::branching
