#include "branching/scram/channel_binding.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "rpc/testing/certificates.h"

namespace prism::branching {
namespace {

class TlsServerEndPointTest : public testing::Test {
 protected:
  // Of a certificate with such a key, signed with such a hash, made by options of `openssl req`.
  std::string Of(const std::string& options) {
    files_.Run("openssl req -x509 -nodes -days 2 -subj /CN=x -keyout x.key -out x.pem " + options);
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(
        std::fopen(files_.File("x.pem").c_str(), "r"), &std::fclose);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &X509_free);
    return TlsServerEndPoint(certificate.get());
  }
  // What the openssl program says of the same file.
  std::string Fingerprint(const std::string& hash) {
    files_.Run("openssl x509 -in x.pem -outform DER | openssl dgst -binary -" + hash + " > digest");
    std::ifstream file(files_.File("digest"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  rpc::testing::Certificates files_;
};

TEST_F(TlsServerEndPointTest, HashesAsTheSignatureDoes) {
  const std::string ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 ";
  EXPECT_EQ(Of(ec + "-sha256"), Fingerprint("sha256"));
  EXPECT_EQ(Of(ec + "-sha384"), Fingerprint("sha384"));
  EXPECT_EQ(Of(ec + "-sha512"), Fingerprint("sha512"));
  EXPECT_EQ(Of(ec + "-sha1"), Fingerprint("sha256"));
  const std::string rsa = "-newkey rsa:2048 ";
  EXPECT_EQ(Of(rsa + "-md5"), Fingerprint("sha256"));
  EXPECT_EQ(Of(rsa + "-sha512 -sigopt rsa_padding_mode:pss"), Fingerprint("sha512"));
}

TEST_F(TlsServerEndPointTest, Ed25519HasNone) { EXPECT_EQ(Of("-newkey ed25519"), ""); }

}  // namespace
}  // namespace prism::branching
