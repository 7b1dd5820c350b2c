#include "branching/instances/process_pause.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/unique_fd.h"
#include "branching/instances/process_tree.h"

namespace prism::branching {
namespace {

constexpr MonoNanos kPatience = 2 * kNanosPerSecond;
constexpr std::chrono::microseconds kLook{50};

void Signal(const InstanceIdentity& process, int signal) {
  const base::UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  // Looked at after it was opened: now the number can't be another's any more.
  if (!fd || ProcessStartTime(process.pid) != process.start_time) return;
  ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0);
}

Error Ended(const InstanceIdentity& process) {
  return {Code::kUnavailable, "INSTANCE_ENDED",
          fmt::format("process {} ended while it was to stand still: try again", process.pid)};
}

// False: it does not stop before the deadline. One that has gone stands still.
bool StopOne(const InstanceIdentity& process, MonoNanos deadline) {
  Signal(process, SIGSTOP);
  while (!StandsStill(process)) {
    if (MonotonicNow() >= deadline) return false;
    // lint-allow(sleep): that a process stops is an event for its parent alone
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

Status ProcessPause::While(const std::function<Status()>& work) {
  TRY(Begin());
  Status done = work();
  Status ended = End();
  return done ? std::move(ended) : std::move(done);
}

// The postmaster first: the rest have nobody then who would start more.
Status ProcessPause::Begin() {
  const std::lock_guard lock(mutex_);
  if (pauses_++ > 0) return {};
  const MonoNanos deadline = MonotonicNow() + kPatience;
  bool still = StopOne(identity_, deadline);
  for (const InstanceIdentity& process : ProcessTree(identity_.pid)) {
    still = still && StopOne(process, deadline);
  }
  if (still && ProcessStartTime(identity_.pid) == identity_.start_time) return {};
  --pauses_;
  ResumeProcesses(identity_.pid);
  if (still) return std::unexpected(Ended(identity_));
  return std::unexpected(
      Error(Code::kDeadlineExceeded, "INSTANCE_NOT_PAUSED",
            fmt::format("process {} or one below it did not stop for {} s: its disk is slow; try "
                        "again",
                        identity_.pid, kPatience / kNanosPerSecond)));
}

Status ProcessPause::End() {
  const std::lock_guard lock(mutex_);
  const bool there = ProcessStartTime(identity_.pid) == identity_.start_time;
  if (--pauses_ == 0 && there) ResumeProcesses(identity_.pid);
  if (there) return {};
  return std::unexpected(Ended(identity_));
}

void ResumeProcesses(pid_t root) {
  for (const InstanceIdentity& process : ProcessTree(root)) Signal(process, SIGCONT);
}

}  // namespace prism::branching
