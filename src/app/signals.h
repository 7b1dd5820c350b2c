// Signals as events of the control thread, beside wakes from other threads.
#pragma once

#include <chrono>
#include <optional>

#include "base/status.h"

namespace prism::app {

enum class ControlEvent { kTerminate, kReload, kWake, kTick };

// Blocks SIGTERM, SIGINT and SIGHUP for this thread and all that it starts, ignores SIGPIPE: make
// it before any thread. Thread rule: Wait on the control thread, Wake anywhere.
class ControlEvents {
 public:
  static Result<ControlEvents> Make();
  ControlEvents(ControlEvents&& other) noexcept;
  ControlEvents& operator=(ControlEvents&&) = delete;
  ~ControlEvents();

  // The next event; kTick when there was none for so long.
  ControlEvent Wait(std::chrono::milliseconds tick);
  void Wake();

 private:
  ControlEvents(int signals, int wake) : signals_(signals), wake_(wake) {}

  int signals_;
  int wake_;
};

}  // namespace prism::app
