#include "runtime/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "runtime/shard.h"
#include "runtime/spawn.h"

namespace prism::runtime {
namespace {

constexpr MonoNanos kKillPatience = 10 * kNanosPerSecond;
constexpr MonoNanos kProgramGrace = 2 * kNanosPerSecond;
// What one call may read before other work of the shard has its turn; also the most that a pipe
// that nobody drains can hold (/proc/sys/fs/pipe-max-size).
constexpr std::size_t kReadAtOnce = std::size_t{1} << 20;

std::unexpected<Error> StartError(int number, std::string_view what) {
  return std::unexpected(base::OsError(number, "SUBPROCESS_START", what));
}

// Our end of a pipe to or from the child.
class PipeEnd : public FdHandler {
 public:
  explicit PipeEnd(Shard& shard) : shard_(shard) {}
  PipeEnd(const PipeEnd&) = delete;
  PipeEnd& operator=(const PipeEnd&) = delete;

  Status Open(base::UniqueFd fd, std::uint32_t events) {
    fd_ = std::move(fd);
    TRY(shard_.Watch(fd_.get(), events, *this));
    watched_ = true;
    return {};
  }
  void Close() {
    if (watched_) shard_.Unwatch(fd_.get(), *this);
    watched_ = false;
    fd_.reset();
  }

 protected:
  ~PipeEnd() { Close(); }
  int fd() const { return fd_.get(); }

 private:
  Shard& shard_;
  base::UniqueFd fd_;
  bool watched_ = false;
};

// Keeps the first `limit` bytes and drops the rest.
class Collector final : public PipeEnd {
 public:
  Collector(Shard& shard, std::size_t limit) : PipeEnd(shard), limit_(limit) {}
  void OnReady(std::uint32_t) override { Drain(); }

  // Reads what is there, and closes at the end of the stream.
  void Drain() {
    std::array<char, 16 * 1024> buffer;
    std::size_t total = 0;
    while (fd() >= 0 && total < kReadAtOnce) {
      const ssize_t got = ::read(fd(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return Close();
      const auto size = static_cast<std::size_t>(got);
      const std::size_t kept = std::min(size, limit_ - text_.size());
      text_.append(buffer.data(), kept);
      truncated_ = truncated_ || kept < size;
      total += size;
    }
  }

  const std::string& text() const { return text_; }
  bool truncated() const { return truncated_; }

 private:
  std::size_t limit_;
  std::string text_;
  bool truncated_ = false;
};

// Writes its text as fast as the child takes it, then closes. A child that closes its input before
// has what it wanted.
class Feeder final : public PipeEnd {
 public:
  Feeder(Shard& shard, std::string text) : PipeEnd(shard), text_(std::move(text)) {}
  void OnReady(std::uint32_t) override {
    while (written_ < text_.size()) {
      const ssize_t put = ::write(fd(), text_.data() + written_, text_.size() - written_);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EAGAIN) return;
      if (put < 0) break;
      written_ += static_cast<std::size_t>(put);
    }
    Close();
  }

 private:
  std::string text_;
  std::size_t written_ = 0;
};

// The child's end of a redirection, and ours when it is a pipe.
struct Ends {
  base::UniqueFd child;
  base::UniqueFd ours;
};

Result<base::UniqueFd> OpenFile(const std::string& path, int flags) {
  // Above 2 by F_DUPFD below; 0640: what programs print may be private.
  base::UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0640));
  if (!fd) return StartError(errno, fmt::format("opening {}", path));
  return fd;
}

Result<Ends> OpenRedirect(const Redirect& redirect, int number) {
  const bool input = number == STDIN_FILENO;
  const int flags = input ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND;
  if (std::holds_alternative<ToInherit>(redirect)) return Ends{};
  if (const auto* file = std::get_if<ToFile>(&redirect)) {
    TRY_ASSIGN(base::UniqueFd fd, OpenFile(file->path, flags));
    return Ends{std::move(fd), {}};
  }
  if (std::holds_alternative<ToNull>(redirect)) {
    TRY_ASSIGN(base::UniqueFd fd, OpenFile("/dev/null", O_RDWR));
    return Ends{std::move(fd), {}};
  }
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return StartError(errno, "making a pipe");
  Ends ends{base::UniqueFd(fds[input ? 0 : 1]), base::UniqueFd(fds[input ? 1 : 0])};
  if (::fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK) != 0) return StartError(errno, "making a pipe");
  return ends;
}

// A child's end that has the number of a standard stream (ours are closed) would be overwritten by
// the redirection of another.
Status LiftAbove2(base::UniqueFd& fd) {
  if (!fd || fd.get() > 2) return {};
  base::UniqueFd lifted(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!lifted) return StartError(errno, "copying a descriptor");
  fd = std::move(lifted);
  return {};
}

std::vector<std::string> Environment(const SubprocessOptions& options) {
  std::vector<std::string> result;
  for (const auto& [name, value] : options.environment) result.push_back(name + "=" + value);
  if (!options.inherit_environment) return result;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced = std::ranges::any_of(
        options.environment, [name](const auto& added) { return added.first == name; });
    if (!replaced) result.emplace_back(text);
  }
  return result;
}

std::string SearchPath() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  const char* name = ::sigabbrev_np(signal);
  return fmt::format("signal {} ({})", signal, name != nullptr ? name : "?");
}

// The handler of the pidfd, and all that belongs to one child.
class Subprocess::Process final : private FdHandler {
 public:
  Process(Shard& shard, const SubprocessOptions& options)
      : shard_(shard),
        ended_(shard),
        feeder_(shard, options.input),
        output_(shard, options.max_output),
        error_(shard, options.max_output) {}
  virtual ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Status Start(const SubprocessOptions& options);

  Event& ended() { return ended_; }
  const Result<ExitStatus>& outcome() const { return *outcome_; }
  pid_t pid() const { return pid_; }
  bool running() const { return static_cast<bool>(pidfd_); }
  // The group exists for as long as the child is not reaped, so its number is still its own.
  Status SignalGroup(int number) const {
    if (!running() || ::kill(-pid_, number) == 0) return {};
    return std::unexpected(base::OsError(errno, "SUBPROCESS_SIGNAL",
                                         fmt::format("sending signal {} to {}", number, pid_)));
  }
  void KillGroupAtEnd() { kill_group_at_end_ = true; }

  const Collector& output() const { return output_; }
  const Collector& error() const { return error_; }

 private:
  void OnReady(std::uint32_t) override;
  Result<ExitStatus> Reap(int flags);
  Status Connect(std::array<Ends, 3>& ends);

  Shard& shard_;
  Event ended_;
  Feeder feeder_;
  Collector output_;
  Collector error_;
  pid_t pid_ = -1;
  base::UniqueFd pidfd_;  // open while the child runs
  bool watched_ = false;
  bool kill_group_at_end_ = false;
  std::optional<Result<ExitStatus>> outcome_;
};

Status Subprocess::Process::Start(const SubprocessOptions& options) {
  if (options.argv.empty()) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "SUBPROCESS_START", "argv is empty: name a program"));
  }
  SpawnPlan plan{.program = {},
                 .argv = options.argv,
                 .environment = Environment(options),
                 .working_directory = options.working_directory,
                 .standard_fds = {0, 1, 2}};
  TRY_ASSIGN(plan.program, FindProgram(options.argv[0], SearchPath()));

  const std::array<const Redirect*, 3> redirects{&options.standard_input, &options.standard_output,
                                                 &options.standard_error};
  std::array<Ends, 3> ends;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    TRY_ASSIGN(ends[i], OpenRedirect(*redirects[i], static_cast<int>(i)));
    TRY(LiftAbove2(ends[i].child));
    TRY(LiftAbove2(ends[i].ours));
    if (ends[i].child) plan.standard_fds[i] = ends[i].child.get();
  }

  TRY_ASSIGN(Spawned spawned,
             options.spawner == nullptr ? Spawn(plan) : options.spawner->Spawn(plan));
  pid_ = spawned.pid;
  pidfd_ = std::move(spawned.pidfd);
  return Connect(ends);
}

Status Subprocess::Process::Connect(std::array<Ends, 3>& ends) {
  TRY(shard_.Watch(pidfd_.get(), EPOLLIN, *this));
  watched_ = true;
  if (ends[0].ours) TRY(feeder_.Open(std::move(ends[0].ours), EPOLLOUT));
  if (ends[1].ours) TRY(output_.Open(std::move(ends[1].ours), EPOLLIN));
  if (ends[2].ours) TRY(error_.Open(std::move(ends[2].ours), EPOLLIN));
  return {};
}

Result<ExitStatus> Subprocess::Process::Reap(int flags) {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | flags);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return std::unexpected(
        base::OsError(errno, "SUBPROCESS_WAIT", fmt::format("waiting for process {}", pid_)));
  }
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status, .signal = 0};
  return ExitStatus{.code = 0, .signal = info.si_status};
}

void Subprocess::Process::OnReady(std::uint32_t) {
  // Before the child is reaped, while nobody else can have its number. Fails when nobody is left.
  if (kill_group_at_end_) ::kill(-pid_, SIGKILL);
  outcome_ = Reap(WNOHANG);
  shard_.Unwatch(pidfd_.get(), *this);
  watched_ = false;
  pidfd_.reset();
  feeder_.Close();
  output_.Drain();
  output_.Close();
  error_.Drain();
  error_.Close();
  ended_.Set();
}

Subprocess::Process::~Process() {
  if (!running()) return;
  ::kill(-pid_, SIGKILL);
  if (watched_) shard_.Unwatch(pidfd_.get(), *this);
  Reap(0).value_or(ExitStatus{});  // nobody is left who would want to know
}

Subprocess::Subprocess(std::unique_ptr<Process> process) : process_(std::move(process)) {}
Subprocess::~Subprocess() = default;

Result<std::unique_ptr<Subprocess>> Subprocess::Start(const SubprocessOptions& options) {
  PRISM_CHECK(Shard::Current() != nullptr, "a Subprocess is started on a shard");
  auto process = std::make_unique<Process>(*Shard::Current(), options);
  TRY(process->Start(options));
  return std::unique_ptr<Subprocess>(new Subprocess(std::move(process)));
}

pid_t Subprocess::pid() const { return process_->pid(); }
bool Subprocess::running() const { return process_->running(); }
Status Subprocess::Signal(int number) { return process_->SignalGroup(number); }

const std::string& Subprocess::standard_output() const { return process_->output().text(); }
const std::string& Subprocess::standard_error() const { return process_->error().text(); }
bool Subprocess::output_truncated() const {
  return process_->output().truncated() || process_->error().truncated();
}

Task<Result<ExitStatus>> Subprocess::Wait(MonoNanos deadline, CancelSource* cancel) {
  const WaitResult result = co_await process_->ended().For(deadline, cancel);
  if (result == WaitResult::kReady) co_return process_->outcome();
  if (result == WaitResult::kCancelled) {
    co_return std::unexpected(Error(Code::kCancelled, "CANCELLED",
                                    fmt::format("nobody waits for process {} any more", pid())));
  }
  co_return std::unexpected(
      Error(Code::kDeadlineExceeded, "SUBPROCESS_DEADLINE",
            fmt::format("process {} did not end in time; give it more time", pid())));
}

Task<Result<ExitStatus>> Subprocess::Terminate(MonoNanos grace) {
  process_->KillGroupAtEnd();
  CO_TRY(Signal(SIGTERM));
  WaitResult result = co_await process_->ended().For(MonotonicNow() + grace);
  if (result != WaitResult::kReady) {
    CO_TRY(Signal(SIGKILL));
    result = co_await process_->ended().For(MonotonicNow() + kKillPatience);
  }
  if (result == WaitResult::kReady) co_return process_->outcome();
  co_return std::unexpected(
      Error(Code::kInternal, "SUBPROCESS_STUCK",
            fmt::format("process {} does not end even when killed: it waits for a device or a "
                        "file system that does not answer",
                        pid())));
}

Task<Result<ProgramResult>> RunProgram(SubprocessOptions options, MonoNanos deadline,
                                       CancelSource* cancel) {
  CO_TRY_ASSIGN(const std::unique_ptr<Subprocess> process, Subprocess::Start(options));
  Result<ExitStatus> status = co_await process->Wait(deadline, cancel);
  if (!status) {
    CO_TRY(co_await process->Terminate(kProgramGrace));
    co_return std::unexpected(std::move(status).error().With("program", options.argv[0]));
  }
  co_return ProgramResult{.status = *status,
                          .standard_output = process->standard_output(),
                          .standard_error = process->standard_error(),
                          .output_truncated = process->output_truncated()};
}

}  // namespace prism::runtime
