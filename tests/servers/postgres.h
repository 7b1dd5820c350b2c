// A real PostgreSQL server for tests: a cluster of its own in a temporary directory.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/testing/temp_directory.h"

namespace prism::testing {

// PostgreSQL 15 of Debian. It refuses to run as root, so a test that is root runs it as `nobody`.
// Aborts the test program when something can't be started: nothing could be tested. The server ends
// with the thread that made it, even when that crashes. One thread at a time.
class PostgresServer {
 public:
  static constexpr const char* kPassword = "secret";  // of the superuser `postgres`

  struct Options {
    // Of pg_hba.conf, for every connection: scram-sha-256, md5, password, trust.
    std::string authentication = "scram-sha-256";
    // Files of a server certificate and its key. With them it listens on 127.0.0.1 and speaks TLS
    // there, too.
    std::string certificate;
    std::string key;
    std::vector<std::string> settings;  // "work_mem=1MB"
  };

  // Makes a cluster and starts it.
  PostgresServer() : PostgresServer(Options{}) {}
  explicit PostgresServer(Options options);
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer();

  // Returns when connections are accepted.
  void Start();
  // A start that is to fail: what the server has logged by its end.
  std::string StartInVain();
  // A fast shutdown: sessions are ended, the next start recovers nothing.
  void Stop();

  // Where the unix socket is; the host of libpq.
  const std::string& socket_directory() const { return directory_.path(); }
  std::string socket_path() const;
  // Also of the unix socket's name.
  int port() const { return port_; }
  // "host=... port=... user=postgres password=... dbname=postgres" for libpq, over the unix socket.
  std::string conninfo() const;
  std::string data_directory() const { return directory_.File("data"); }
  pid_t pid() const { return pid_; }
  std::string Log() const;

 private:
  void InitDb();
  void TakeCertificate();
  // Starts a program of PostgreSQL as the user that it runs as; its output goes to the log.
  void Launch(const std::string& program, const std::vector<std::string>& arguments);
  int Wait();

  Options options_;
  base::testing::TempDirectory directory_;
  int port_ = 5432;
  pid_t pid_ = -1;
};

}  // namespace prism::testing
