// The server under test of the Connect conformance suite: reads how it shall serve from standard
// input, says on standard output where it does, and serves until SIGTERM.
#include <fmt/format.h>
#include <pthread.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "base/testing/temp_directory.h"
#include "connect/conformance.pb.h"
#include "rpc/net/call_server.h"
#include "rpc/tls/tls_context.h"
#include "runtime/shard.h"
#include "tests/connect/conformance_service.h"

namespace prism::connect_conformance {
namespace {

namespace suite = connectrpc::conformance::v1;

// Both messages have their size before them, as 4 bytes with the highest first.
constexpr std::size_t kSizeBytes = 4;
constexpr std::uint32_t kMaxRequestBytes = 1u << 20;

[[noreturn]] void Die(std::string_view what) {
  fmt::print(stderr, "conformance_server: {}\n", what);
  std::exit(1);
}

suite::ServerCompatRequest ReadRequest() {
  std::array<unsigned char, kSizeBytes> prefix{};
  if (std::fread(prefix.data(), 1, kSizeBytes, stdin) != kSizeBytes) Die("no request on stdin");
  std::uint32_t size = 0;
  for (const unsigned char byte : prefix) size = size << 8 | byte;
  if (size > kMaxRequestBytes) Die("the request is too large");
  std::string bytes(size, '\0');
  suite::ServerCompatRequest request;
  if (std::fread(bytes.data(), 1, size, stdin) != size || !request.ParseFromString(bytes)) {
    Die("the request is cut off or malformed");
  }
  return request;
}

void WriteResponse(const suite::ServerCompatResponse& response) {
  const std::string bytes = response.SerializeAsString();
  for (int shift = 24; shift >= 0; shift -= 8) {
    std::fputc(static_cast<int>(bytes.size() >> shift & 0xff), stdout);
  }
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

// "127.0.0.1:4711".
suite::ServerCompatResponse ResponseFor(const std::string& address) {
  suite::ServerCompatResponse response;
  const std::size_t colon = address.rfind(':');
  response.set_host(address.substr(0, colon));
  response.set_port(static_cast<std::uint32_t>(std::stoul(address.substr(colon + 1))));
  return response;
}

// The files that TlsContext reads, in a directory that goes with this object.
class PemFiles {
 public:
  std::string Write(std::string_view name, const std::string& pem) const {
    const std::string path = directory_.File(std::string(name));
    std::ofstream file(path, std::ios::binary);
    file << pem;
    if (!file.flush()) Die("a certificate could not be written");
    return path;
  }

 private:
  base::testing::TempDirectory directory_;
};

std::shared_ptr<const rpc::TlsContext> MakeTls(const suite::ServerCompatRequest& request) {
  const PemFiles files;
  rpc::TlsOptions options;
  options.certificate = files.Write("certificate.pem", request.server_creds().cert());
  options.key = files.Write("key.pem", request.server_creds().key());
  if (!request.client_tls_cert().empty()) {
    options.client_ca = files.Write("client_ca.pem", request.client_tls_cert());
  }
  auto tls = rpc::TlsContext::Load(options);
  if (!tls) Die(tls.error().ToString());
  return *tls;
}

int Main() {
  // Blocked in all threads, so that it is waited for below.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const suite::ServerCompatRequest request = ReadRequest();
  rpc::ServerLimits limits;
  if (request.message_receive_limit() != 0)
    limits.max_message_bytes = request.message_receive_limit();

  runtime::ShardPool shards(2);
  if (Status started = shards.Start(); !started) Die(started.error().ToString());
  ConformanceService service;
  {
    rpc::CallServer server(shards, service, limits);
    if (request.use_tls()) server.UseTls(MakeTls(request));
    const Result<std::string> address = server.Listen("127.0.0.1:0");
    if (!address) Die(address.error().ToString());
    suite::ServerCompatResponse response = ResponseFor(*address);
    if (request.use_tls()) response.set_pem_cert(request.server_creds().cert());
    WriteResponse(response);
    int signal = 0;
    sigwait(&stop, &signal);
    server.Stop();
  }
  shards.Stop();
  return 0;
}

}  // namespace
}  // namespace prism::connect_conformance

int main() { return prism::connect_conformance::Main(); }
