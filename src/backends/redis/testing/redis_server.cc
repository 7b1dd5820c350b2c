#include "backends/redis/testing/redis_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/testing/ready_notice.h"
#include "base/unique_fd.h"

namespace prism::backends::testing {
namespace {

constexpr int kStartLimitMs = 60'000;  // generous: busy machines

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::abort();
}

// Nobody else has it now, and in such a short time nobody takes it.
std::uint16_t FreePort() {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0) {
    Die("no port is free");
  }
  return ntohs(address.sin_port);
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> settings)
    : settings_(std::move(settings)), port_(FreePort()) {
  Start();
}

RedisServer::~RedisServer() {
  if (pid_ > 0) Kill();
}

void RedisServer::Start() { Start({}); }

void RedisServer::Start(const std::vector<std::string>& more) {
  const std::string notices = directory_.File("notify");
  const base::testing::ReadyNotice ready(notices);
  std::vector<std::string> command = {"setpriv", "--pdeathsig", "KILL", "--", "redis-server"};
  // --cluster-port: by default the port and 10,000, which is none when the free one is high.
  const std::vector<std::string> own = {"--port",         fmt::format("{}", port_),
                                        "--cluster-port", fmt::format("{}", FreePort()),
                                        "--bind",         "127.0.0.1",
                                        "--unixsocket",   socket().unix_path,
                                        "--dir",          directory_.path(),
                                        "--logfile",      directory_.File("log"),
                                        "--save",         "",
                                        "--appendonly",   "no",
                                        "--supervised",   "systemd"};
  for (const std::vector<std::string>* part : {&own, &std::as_const(settings_), &more}) {
    command.insert(command.end(), part->begin(), part->end());
  }
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::setenv("NOTIFY_SOCKET", notices.c_str(), 1);
  const int failed = ::posix_spawnp(&pid_, "setpriv", nullptr, nullptr, argv.data(), environ);
  ::unsetenv("NOTIFY_SOCKET");
  if (failed != 0) Die(fmt::format("can't start redis-server: {}", std::strerror(failed)));
  if (!ready.Await(pid_, kStartLimitMs)) Die("redis-server is not ready:\n" + Log());
}

void RedisServer::Kill() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void RedisServer::Signal(int number) const { ::kill(pid_, number); }

std::string RedisServer::Log() const {
  std::ifstream file(directory_.File("log"), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace prism::backends::testing
