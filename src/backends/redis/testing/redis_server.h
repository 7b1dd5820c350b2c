// For tests: a real Redis server of its own in a temporary directory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "rpc/client/client_target.h"

namespace prism::backends::testing {

// Redis 7.0 of Debian on a unix socket and a free port of 127.0.0.1, without persistence unless the
// settings say otherwise. Aborts the test program when it can't be started: nothing could be
// tested. Ends with the thread that made it, even when that crashes. One thread at a time.
class RedisServer {
 public:
  // As in redis.conf, each with its "--": {"--requirepass", "secret"}.
  explicit RedisServer(std::vector<std::string> settings = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  // Returns when connections are accepted, at the same place as before.
  void Start();
  // With settings that come behind all others.
  void Start(const std::vector<std::string>& more);
  // kill -9, and waits for its end.
  void Kill();
  // Any signal: SIGSTOP makes it hang, SIGCONT go on.
  void Signal(int number) const;

  std::uint16_t port() const { return port_; }
  rpc::ClientTarget target() const { return {.host = "127.0.0.1", .port = port_}; }
  rpc::ClientTarget socket() const { return {.unix_path = directory_.File("redis.sock")}; }
  std::string File(const std::string& name) const { return directory_.File(name); }
  std::string Log() const;

 private:
  std::vector<std::string> settings_;
  base::testing::TempDirectory directory_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

}  // namespace prism::backends::testing
