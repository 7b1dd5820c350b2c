#include "branching/instances/process_instance.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "runtime/subprocess.h"

namespace prism::branching {
namespace {

// A server that is just starting loses signals when it is the first of its process namespace; one
// that has got them does not mind more.
constexpr MonoNanos kSignalInterval = 250 * kNanosPerMilli;
constexpr MonoNanos kKillPatience = 10 * kNanosPerSecond;

}  // namespace

ProcessInstance::ProcessInstance(RunDirectory directory, InstanceIdentity identity,
                                 base::UniqueFd pidfd, bool ours, runtime::BlockingPool* pool)
    : directory_(std::move(directory)),
      identity_(identity),
      pause_(std::make_shared<ProcessPause>(identity)),
      pidfd_(std::move(pidfd)),
      ours_(ours),
      pool_(pool),
      shard_(*runtime::Shard::Current()),
      ended_(shard_),
      socket_path_(directory_.socket()),
      log_path_(directory_.log()) {}

ProcessInstance::~ProcessInstance() {
  if (running()) shard_.Unwatch(pidfd_.get(), *this);
}

Status ProcessInstance::Watch() { return shard_.Watch(pidfd_.get(), EPOLLIN, *this); }

void ProcessInstance::OnReady(std::uint32_t) {
  end_ = Reap();
  RemoveSegments(segments_);
  shard_.Unwatch(pidfd_.get(), *this);
  ended_.Set();
  if (also_ != nullptr) also_->Set();
}

std::string ProcessInstance::Reap() {
  siginfo_t info{};
  // Not our child: whoever adopted it reaps it and knows.
  if (!ours_ || ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) {
    return fmt::format("process {} has ended", identity_.pid);
  }
  const bool exited = info.si_code == CLD_EXITED;
  const runtime::ExitStatus status{.code = exited ? info.si_status : 0,
                                   .signal = exited ? 0 : info.si_status};
  return fmt::format("process {} ended with {}", identity_.pid, status.ToString());
}

runtime::Task<Result<std::string>> ProcessInstance::WaitForEnd(MonoNanos deadline,
                                                               runtime::CancelSource* cancel) {
  const runtime::WaitResult result = co_await ended_.For(deadline, cancel);
  if (result == runtime::WaitResult::kReady) {
    co_await LeaveCgroup();
    co_return end_;
  }
  if (result == runtime::WaitResult::kCancelled) {
    co_return std::unexpected(
        Error(Code::kCancelled, "CANCELLED",
              fmt::format("nobody waits for process {} any more", identity_.pid)));
  }
  co_return std::unexpected(
      Error(Code::kDeadlineExceeded, "INSTANCE_DEADLINE",
            fmt::format("process {} did not end in time; stop it", identity_.pid)));
}

runtime::Task<bool> ProcessInstance::EndBy(int signal, MonoNanos patience) {
  const MonoNanos deadline = MonotonicNow() + patience;
  while (running() && MonotonicNow() < deadline) {
    // Fails when it ends at this moment, which the wait will tell.
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
    const MonoNanos next = std::min(deadline, MonotonicNow() + kSignalInterval);
    co_await ended_.For(next);
  }
  co_return !running();
}

runtime::Task<void> ProcessInstance::LeaveCgroup() {
  if (std::exchange(left_cgroup_, true)) co_return;
  const auto leave = [this] {
    const Cgroup cgroup = directory_.RecordedCgroup();
    out_of_memory_ = cgroup.RanOutOfMemory();
    // Processes without a namespace of their own may still be ending: the next start removes it.
    (void)cgroup.Remove();
  };
  (void)co_await pool_->Run(leave);
  if (out_of_memory_) end_ += ": it had reached the limit of its memory";
}

runtime::Task<Result<StopKind>> ProcessInstance::Stop(StopPatience patience) {
  auto stopped = co_await StopServer(patience);
  if (stopped) co_await LeaveCgroup();
  co_return stopped;
}

runtime::Task<Result<StopKind>> ProcessInstance::StopServer(StopPatience patience) {
  if (!running()) co_return StopKind::kGone;
  // Signals of the postmaster: fast and immediate shutdown.
  const bool fast = co_await EndBy(SIGINT, patience.fast);
  if (fast) co_return StopKind::kFast;
  const bool immediate = co_await EndBy(SIGQUIT, patience.immediate);
  if (immediate) co_return StopKind::kImmediate;
  co_return co_await Kill();
}

runtime::Task<Result<StopKind>> ProcessInstance::Kill() {
  // Starts nothing any more while we look.
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGSTOP, nullptr, 0);
  const auto kill = [pid = identity_.pid] {
    return KillProcesses(ProcessTree(pid), kKillPatience);
  };
  CO_TRY_ASSIGN(const bool killed, co_await pool_->Run(kill));
  const runtime::WaitResult result = co_await ended_.For(MonotonicNow() + kKillPatience);
  if (killed && result == runtime::WaitResult::kReady) {
    ::unlink(socket_path_.c_str());
    ::unlink((socket_path_ + ".lock").c_str());
    co_return StopKind::kKilled;
  }
  co_return std::unexpected(
      Error(Code::kInternal, "INSTANCE_STUCK",
            fmt::format("process {} or one below it does not end even when killed: it waits for a "
                        "device or a file system that does not answer",
                        identity_.pid)));
}

runtime::Task<Status> ProcessInstance::NoteSegments() {
  const auto look = [pid = identity_.pid] { return SharedSegments(pid); };
  CO_TRY_ASSIGN(segments_, co_await pool_->Run(look));
  co_return Status();
}

WhileStill ProcessInstance::pauser() const {
  return [pause = pause_](const std::function<Status()>& work) { return pause->While(work); };
}

runtime::Task<Result<InstanceUsage>> ProcessInstance::Usage() {
  const auto measure = [pid = identity_.pid] { return TreeUsage(pid); };
  co_return co_await pool_->Run(measure);
}

}  // namespace prism::branching
