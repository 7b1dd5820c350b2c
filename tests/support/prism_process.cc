#include "tests/support/prism_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace prism::testing {
namespace {

constexpr auto kStartLimit = std::chrono::seconds(60);  // generous: sanitizers, busy machines

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::abort();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void LetRun(std::chrono::milliseconds duration) {
  ::poll(nullptr, 0, static_cast<int>(duration.count()));
}

PrismProcess::PrismProcess(std::vector<std::string> options) : options_(std::move(options)) {}

PrismProcess::~PrismProcess() {
  if (pid_ > 0) Kill();
}

void PrismProcess::Start() {
  const char* program = std::getenv("PRISM_PROGRAM");
  if (program == nullptr) Die("PRISM_PROGRAM does not name the program");
  const auto ready = directory_.File("ready.json");
  std::filesystem::remove(ready);
  std::vector<std::string> arguments = {
      program,       "serve",          "--data-dir",  directory_.File("data"), "--listen",
      "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file",          ready};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string log = directory_.File("serve.log");
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int failed = ::posix_spawn(&pid_, program, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) Die(fmt::format("can't start {}: {}", program, std::strerror(failed)));

  const auto give_up = std::chrono::steady_clock::now() + kStartLimit;
  for (;;) {
    const auto addresses = nlohmann::json::parse(ReadFile(ready), nullptr, false);
    if (addresses.is_object()) {
      data_address_ = addresses["data"];
      return;
    }
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) Die("the gateway ended at once:\n" + Log());
    if (std::chrono::steady_clock::now() > give_up) Die("the gateway is not ready:\n" + Log());
    ::poll(nullptr, 0, 2);  // between two looks: a file tells nobody that it has come
  }
}

int PrismProcess::Wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void PrismProcess::Kill() {
  ::kill(pid_, SIGKILL);
  Wait();
}

int PrismProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  return Wait();
}

std::string PrismProcess::Log() const { return ReadFile(directory_.File("serve.log")); }

}  // namespace prism::testing
