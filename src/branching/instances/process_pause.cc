#include "branching/instances/process_pause.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/unique_fd.h"
#include "branching/instances/process_tree.h"

namespace prism::branching {
namespace {

constexpr MonoNanos kPatience = 2 * kNanosPerSecond;
constexpr std::chrono::microseconds kLook{50};

void Signal(const InstanceIdentity& process, int signal) {
  const base::UniqueFd fd = OpenProcess(process);
  if (fd) ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0);
}

bool IsThere(const InstanceIdentity& process) {
  return ProcessStartTime(process.pid) == process.start_time;
}

Error Ended(const InstanceIdentity& process) {
  return {Code::kUnavailable, "INSTANCE_ENDED",
          fmt::format("process {} ended while it was to stand still: try again", process.pid)};
}

Error NotPaused(const InstanceIdentity& process) {
  return {Code::kDeadlineExceeded, "INSTANCE_NOT_PAUSED",
          fmt::format("process {} or one below it did not stop for {} s: its disk is slow; try "
                      "again",
                      process.pid, kPatience / kNanosPerSecond)};
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

Status ProcessPause::Begin() {
  const std::lock_guard lock(mutex_);
  if (pauses_ == 0) {
    const bool still = StopAll(MonotonicNow() + kPatience);
    const bool there = IsThere(identity_);
    if (!still || !there) {
      ResumeAll();
      return std::unexpected(there ? NotPaused(identity_) : Ended(identity_));
    }
  }
  ++pauses_;
  return {};
}

// The postmaster first: the rest have nobody then who would start more.
bool ProcessPause::StopAll(MonoNanos deadline) {
  stopped_ = {identity_};
  if (!StopOne(identity_, deadline)) return false;
  stopped_ = ProcessTree(identity_.pid);
  return std::ranges::all_of(
      stopped_, [&](const InstanceIdentity& process) { return StopOne(process, deadline); });
}

void ProcessPause::ResumeAll() {
  for (const InstanceIdentity& process : std::exchange(stopped_, {})) Signal(process, SIGCONT);
}

Status ProcessPause::End() {
  const std::lock_guard lock(mutex_);
  const bool there = IsThere(identity_);
  if (--pauses_ == 0) ResumeAll();
  if (there) return {};
  return std::unexpected(Ended(identity_));
}

void ResumeProcesses(pid_t root) {
  for (const InstanceIdentity& process : ProcessTree(root)) Signal(process, SIGCONT);
}

}  // namespace prism::branching
