#include "app/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

namespace prism::app {

Result<ControlEvents> ControlEvents::Make() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  const bool blocked = pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0;
  std::signal(SIGPIPE, SIG_IGN);
  const int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ControlEvents events(signals, wake);
  if (blocked && signals >= 0 && wake >= 0) return events;
  return std::unexpected(Error(Code::kInternal, "SIGNALS",
                               fmt::format("can't receive signals: {}", std::strerror(errno))));
}

ControlEvents::ControlEvents(ControlEvents&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), wake_(std::exchange(other.wake_, -1)) {}

ControlEvents::~ControlEvents() {
  if (signals_ >= 0) close(signals_);
  if (wake_ >= 0) close(wake_);
}

ControlEvent ControlEvents::Wait(std::chrono::milliseconds tick) {
  pollfd ready[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
  if (poll(ready, 2, static_cast<int>(tick.count())) <= 0) return ControlEvent::kTick;
  signalfd_siginfo info{};
  if (read(signals_, &info, sizeof info) == sizeof info) {
    return info.ssi_signo == SIGHUP ? ControlEvent::kReload : ControlEvent::kTerminate;
  }
  std::uint64_t count = 0;
  if (read(wake_, &count, sizeof count) == sizeof count) return ControlEvent::kWake;
  return ControlEvent::kTick;
}

void ControlEvents::Wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake is due anyway.
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

}  // namespace prism::app
