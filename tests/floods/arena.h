// A real gateway with bystanders, attacked: what becomes of the attack, of the others, and of the
// memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/client/client.h"
#include "tests/floods/attack.h"
#include "tests/floods/bystander.h"
#include "tests/support/prism_process.h"

namespace prism::floods {

// True under `./dev soak`: full numbers.
bool Soaking();
// With sanitizers sizes and times say nothing.
bool Sanitized();
// How long an attack goes on.
std::chrono::milliseconds AttackTime();

struct Report {
  Outcome attack;
  Latencies control;  // the same clients before the attack
  Latencies during;
  std::uint64_t idle_bytes = 0;  // RSS before
  std::uint64_t peak_bytes = 0;  // and its highest during the attack
  double server_cpu_seconds = 0;
  double slowdown = 1;  // of the server, by whoever else had the processors

  std::uint64_t grown_bytes() const {
    return peak_bytes > idle_bytes ? peak_bytes - idle_bytes : 0;
  }
};

// Life cycle: construct, Run, destroy. Thread rule: one.
class Arena {
 public:
  // Prepares a gateway at this address before it is attacked.
  using Prepare = std::function<void(const std::string& address)>;

  explicit Arena(
      std::vector<std::string> options = {}, Prepare prepare = [](const std::string&) {})
      : options_(std::move(options)), prepare_(std::move(prepare)) {}
  // The gateway speaks TLS, and so do the bystanders.
  Arena(std::vector<std::string> options, rpc::ClientTlsOptions tls)
      : options_(std::move(options)), prepare_([](const std::string&) {}), tls_(std::move(tls)) {}

  // Attacks, prints a line of the table, and checks what holds for every attack: the others were
  // served in time, memory stayed bounded, and the server serves afterwards. Whoever shares the
  // machine disturbs: when the others had to wait, up to two more attempts decide, each on a fresh
  // gateway.
  Report Run(const Attack& attack);

 private:
  rpc::ChannelOptions Server(const testing::PrismProcess& gateway) const;
  Report RunOnce(const Attack& attack, testing::PrismProcess& gateway);

  std::vector<std::string> options_;
  Prepare prepare_;
  std::optional<rpc::ClientTlsOptions> tls_;
};

}  // namespace prism::floods
