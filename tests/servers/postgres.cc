#include "tests/servers/postgres.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/testing/ready_notice.h"
#include "base/unique_fd.h"

namespace prism::testing {
namespace {

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin/";
constexpr const char* kUser = "nobody";
constexpr int kStartLimitMs = 60'000;  // generous: busy machines

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::abort();
}

void Require(bool holds, const std::string& what) {
  if (!holds) Die(fmt::format("{}: {}", what, std::strerror(errno)));
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool IsRoot() { return ::geteuid() == 0; }

// To the user that the server runs as, and to nobody else.
void HandOver(const std::string& path, mode_t mode) {
  if (IsRoot()) {
    const passwd* user = ::getpwnam(kUser);
    Require(user != nullptr, fmt::format("no user {}", kUser));
    Require(::chown(path.c_str(), user->pw_uid, user->pw_gid) == 0, "chown " + path);
  }
  Require(::chmod(path.c_str(), mode) == 0, "chmod " + path);
}

// Nobody else has it now, and in such a short time nobody takes it.
int FreePort() {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Require(::bind(fd.get(), generic, size) == 0, "bind");
  Require(::getsockname(fd.get(), generic, &size) == 0, "getsockname");
  return ntohs(address.sin_port);
}

}  // namespace

PostgresServer::PostgresServer(Options options) : options_(std::move(options)) {
  HandOver(directory_.path(), 0700);
  InitDb();
  if (!options_.certificate.empty()) TakeCertificate();
  Start();
}

PostgresServer::~PostgresServer() {
  if (pid_ > 0) Stop();
}

void PostgresServer::InitDb() {
  const std::string password = directory_.File("password");
  std::ofstream(password) << kPassword;
  HandOver(password, 0600);
  Launch("initdb",
         {"--pgdata", data_directory(), "--username", "postgres", "--pwfile", password, "--auth",
          options_.authentication, "--encoding", "UTF8", "--locale", "C", "--no-sync"});
  if (Wait() != 0) Die("initdb failed:\n" + Log());
}

void PostgresServer::TakeCertificate() {
  for (const auto& [from, name] :
       {std::pair(options_.certificate, "server.crt"), std::pair(options_.key, "server.key")}) {
    const std::string to = data_directory() + "/" + name;
    std::filesystem::copy_file(from, to);
    HandOver(to, 0600);
  }
}

void PostgresServer::Start() {
  const std::string notices = directory_.File("notify");
  // Debian's server tells whoever it finds in NOTIFY_SOCKET what it is about.
  const base::testing::ReadyNotice ready(notices);
  HandOver(notices, 0600);
  ::setenv("NOTIFY_SOCKET", notices.c_str(), 1);
  std::vector<std::string> settings = {"fsync=off", "listen_addresses="};
  if (!options_.certificate.empty()) {
    port_ = FreePort();
    settings = {"fsync=off", "listen_addresses=127.0.0.1", "ssl=on"};
  }
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  std::vector<std::string> arguments = {"-D", data_directory(),        "-k", socket_directory(),
                                        "-p", fmt::format("{}", port_)};
  for (const std::string& setting : settings) {
    arguments.emplace_back("-c");
    arguments.push_back(setting);
  }
  Launch("postgres", arguments);
  ::unsetenv("NOTIFY_SOCKET");
  if (!ready.Await(pid_, kStartLimitMs)) Die("PostgreSQL is not ready:\n" + Log());
}

std::string PostgresServer::StartInVain() {
  const std::size_t before = Log().size();
  Launch("postgres", {"-D", data_directory(), "-k", socket_directory(), "-c", "listen_addresses="});
  Wait();
  return Log().substr(before);
}

void PostgresServer::Launch(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"setpriv", "--pdeathsig", "QUIT"};
  if (IsRoot()) {
    for (const char* option : {"--reuid", kUser, "--regid", "nogroup", "--clear-groups"}) {
      command.emplace_back(option);
    }
  }
  command.emplace_back("--");
  command.push_back(kPrograms + program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string log = directory_.File("log");
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_addchdir_np(&actions, directory_.path().c_str());
  const int failed = ::posix_spawnp(&pid_, "setpriv", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) Die(fmt::format("can't start {}: {}", program, std::strerror(failed)));
}

int PostgresServer::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void PostgresServer::Stop() {
  ::kill(pid_, SIGINT);
  Wait();
}

std::string PostgresServer::socket_path() const {
  return fmt::format("{}/.s.PGSQL.{}", socket_directory(), port_);
}

std::string PostgresServer::conninfo() const {
  return fmt::format("host={} port={} user=postgres password={} dbname=postgres",
                     socket_directory(), port_, kPassword);
}

std::string PostgresServer::Log() const { return ReadFile(directory_.File("log")); }

}  // namespace prism::testing
