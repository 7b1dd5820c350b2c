#include "runtime/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <memory>

#include "base/os_error.h"

namespace prism::runtime {
namespace {

enum class Stage : int { kRedirect, kSetup, kDirectory, kExecute };

// What the child reports when it can't become the program.
struct Failure {
  Stage stage;
  int number;
  int step;  // of the setup
};

// All that the child needs, made before the fork: it may not allocate.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* working_directory;  // nullptr: stay
  std::array<int, 3> standard_fds;
  int fourth_fd;
  bool outlives_us;
  const ChildSetup* setup;  // nullptr: none
  int report_fd;
  pid_t parent;  // 0: not to be seen from a process namespace of its own
};

// What ends on a stack that is not the thread's own confuses its checks.
#define PRISM_NO_STACK_CHECKS [[clang::no_sanitize("address")]]

[[noreturn]] PRISM_NO_STACK_CHECKS void Fail(const ChildPlan& plan, Stage stage, int step = 0) {
  const Failure failure{stage, errno, step};
  // When even this fails the parent sees a child that ended with 127.
  [[maybe_unused]] const auto written = ::write(plan.report_fd, &failure, sizeof failure);
  ::_exit(127);
}

// Runs in the child on the memory of the parent, whose thread waits meanwhile: only system calls.
[[noreturn]] PRISM_NO_STACK_CHECKS void BecomeProgram(const ChildPlan& plan) {
  if (plan.outlives_us) {
    ::setsid();  // can't fail for a new child, nor can setpgid
  } else {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // the parent died before prctl
  }

  for (int i = 0; i < 3; ++i) {
    const int from = plan.standard_fds[static_cast<std::size_t>(i)];
    if (from != i && ::dup2(from, i) < 0) Fail(plan, Stage::kRedirect);
  }
  if (plan.fourth_fd >= 0 && ::dup2(plan.fourth_fd, 3) < 0) Fail(plan, Stage::kRedirect);
  // All of ours are close-on-exec; this is for descriptors that libraries have opened otherwise,
  // and all that a kernel older than 5.11 loses.
  ::close_range(plan.fourth_fd >= 0 ? 4 : 3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (plan.setup != nullptr) {
    const int failed = plan.setup->Run();
    if (failed >= 0) Fail(plan, Stage::kSetup, failed);
    // A process that changes its user forgets it.
    if (!plan.outlives_us) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) {
    Fail(plan, Stage::kDirectory);
  }

  // Handlers of the parent must not run here, and what the parent ignores is its own affair.
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  ::execve(plan.program, plan.argv, plan.environment);
  Fail(plan, Stage::kExecute);
}

PRISM_NO_STACK_CHECKS int RunChild(void* plan) {
  BecomeProgram(*static_cast<const ChildPlan*>(plan));
}

// On our memory until exec, as vfork does, since fork would copy the page tables of a process that
// may hold gigabytes in memory; with a stack of its own, which is what vfork lacks.
pid_t ForkProgram(ChildPlan& plan, unsigned long more) {
#if __has_feature(thread_sanitizer)
  constexpr unsigned long kMemory = 0;  // its shadow memory does not survive a second user
#else
  constexpr unsigned long kMemory = CLONE_VM;
#endif
  constexpr std::size_t kStackSize = std::size_t{128} << 10;
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kStackSize);
  const auto flags = static_cast<int>(kMemory | CLONE_VFORK | SIGCHLD | more);
  return ::clone(&RunChild, stack.get() + kStackSize, flags, &plan);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Error StartError(const SpawnPlan& plan, const Failure& failure) {
  std::string what;
  switch (failure.stage) {
    case Stage::kRedirect:
      what = fmt::format("redirecting the standard streams of {}", plan.program);
      break;
    case Stage::kSetup:
      what = plan.setup->Describe(failure.step);
      break;
    case Stage::kDirectory:
      what = fmt::format("entering the working directory {}", plan.working_directory);
      break;
    case Stage::kExecute:
      what = fmt::format("executing {}", plan.program);
  }
  return base::OsError(failure.number, "SUBPROCESS_START", what);
}

// 0: it has a process namespace of its own, which no parent is seen from.
pid_t SeenParent(const SpawnPlan& plan) {
  if ((plan.namespaces & CLONE_NEWPID) != 0) return 0;
  return plan.for_our_parent ? ::getppid() : ::getpid();
}

// Blocks all signals of this thread while it exists, so that none is handled in the child before it
// has set its own handling.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// Above 3, where the redirections of the child can't hit it.
Result<base::UniqueFd> Above3(base::UniqueFd fd) {
  if (fd.get() > 3) return fd;
  base::UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 4));
  if (!copy) return std::unexpected(base::OsError(errno, "SUBPROCESS_START", "copying a pipe"));
  return copy;
}

bool IsExecutable(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<Spawned> Spawn(const SpawnPlan& plan) {
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    return std::unexpected(base::OsError(errno, "SUBPROCESS_START", "making a pipe"));
  }
  base::UniqueFd read_end(report[0]);
  TRY_ASSIGN(base::UniqueFd write_end, Above3(base::UniqueFd(report[1])));

  const std::vector<char*> argv = Pointers(plan.argv);
  const std::vector<char*> environment = Pointers(plan.environment);
  ChildPlan child{.program = plan.program.c_str(),
                  .argv = argv.data(),
                  .environment = environment.data(),
                  .working_directory =
                      plan.working_directory.empty() ? nullptr : plan.working_directory.c_str(),
                  .standard_fds = plan.standard_fds,
                  .fourth_fd = plan.fourth_fd,
                  .outlives_us = plan.outlives_us,
                  .setup = plan.setup,
                  .report_fd = write_end.get(),
                  .parent = SeenParent(plan)};
  pid_t pid = -1;
  int error = 0;
  {
    const SignalsBlocked blocked;
    pid = ForkProgram(child, plan.namespaces | (plan.for_our_parent ? CLONE_PARENT : 0UL));
    error = errno;
    if (plan.dumpable >= 0) ::prctl(PR_SET_DUMPABLE, plan.dumpable);
  }
  if (pid < 0) return std::unexpected(base::OsError(error, "SUBPROCESS_START", "forking"));

  write_end.reset();
  Failure failure{};
  ssize_t got = 0;
  do {
    got = ::read(read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    if (plan.for_our_parent) {
      return std::unexpected(StartError(plan, failure).With("process", fmt::to_string(pid)));
    }
    ::waitpid(pid, nullptr, 0);  // it is ending: nothing to wait for
    return std::unexpected(StartError(plan, failure));
  }

  // The child is ours and not reaped, so the number can't have passed to another process.
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    error = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(base::OsError(error, "SUBPROCESS_START", "opening the process"));
  }
  return Spawned{pid, std::move(pidfd)};
}

Result<std::string> FindProgram(const std::string& name, const std::string& search_path) {
  if (name.contains('/')) return name;
  std::size_t begin = 0;
  while (!name.empty() && begin <= search_path.size()) {
    const std::size_t end = std::min(search_path.find(':', begin), search_path.size());
    const std::string directory = search_path.substr(begin, end - begin);
    // An empty entry means the current directory to a shell; programs are not taken from there.
    std::string path = directory + "/" + name;
    if (!directory.empty() && IsExecutable(path)) return path;
    begin = end + 1;
  }
  return std::unexpected(
      Error(Code::kNotFound, "PROGRAM_NOT_FOUND",
            fmt::format("there is no program '{}' in PATH ({}); install it or give its path", name,
                        search_path))
          .With("program", name));
}

}  // namespace prism::runtime
