// The proxy in front of one running server, for scripts with clients of their own:
//   prism_branching_front CONNINFO SOCKET_PATH SHARDS [CERTIFICATE KEY]
// Prints the port on 127.0.0.1 that it listens on, and ends when its input does.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "branching/proxy/proxy.h"
#include "runtime/shard.h"
#include "tests/branching/running_host.h"

namespace prism::branching {
namespace {

Result<HelloRules> Rules(std::span<char*> files) {
  HelloRules rules;
  if (files.size() < 2) return rules;
  TRY_ASSIGN(auto context, rpc::TlsContext::Load({.certificate = files[0],
                                                  .key = files[1],
                                                  .client_ca = {},
                                                  .protocols = {"postgresql"}}));
  rules.tls = MakeProxyTls(std::move(context));
  return rules;
}

Status Serve(std::span<char*> arguments) {
  runtime::ShardPool shards(std::atoi(arguments[2]));
  TRY(shards.Start());
  testing::RunningHost host(arguments[0], arguments[1]);
  SystemClock clock;
  telemetry::Logger logger(telemetry::LogLevel::kWarn, telemetry::LogFormat::kText);
  Proxy proxy(shards, host, clock, logger, ProxyNaming{}, ProxyLimits{});
  TRY_ASSIGN(HelloRules rules, Rules(arguments.subspan(3)));
  TRY_ASSIGN(auto socket, rpc::ListenSocket::Open("127.0.0.1:0"));
  TRY_ASSIGN(const std::string address, proxy.Listen(std::move(socket), std::move(rules)));
  std::puts(address.substr(address.rfind(':') + 1).c_str());
  std::fflush(stdout);
  for (char byte = 0; ::read(STDIN_FILENO, &byte, 1) > 0;) {
  }
  proxy.Stop();
  shards.Stop();
  return {};
}

}  // namespace
}  // namespace prism::branching

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) {
    std::fputs("usage: prism_branching_front CONNINFO SOCKET_PATH SHARDS [CERTIFICATE KEY]\n",
               stderr);
    return 2;
  }
  const prism::Status served =
      prism::branching::Serve(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!served) std::fprintf(stderr, "%s\n", served.error().ToString().c_str());
  return served ? 0 : 1;
}
