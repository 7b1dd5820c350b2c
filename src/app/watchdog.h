// Tells a service manager that every shard still turns (WatchdogSec= of systemd).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "runtime/shard.h"

namespace prism::app {

// Asks all shards for a sign of life and passes it on once all have answered: a shard that hangs
// gets the process restarted. Does nothing unless WATCHDOG_USEC asks for it
// (sd_watchdog_enabled(3)). Thread rule: one control thread.
class Watchdog {
 public:
  // The shards outlive it.
  explicit Watchdog(runtime::ShardPool& shards);

  // How often Tick must be called; 0: never.
  std::chrono::milliseconds interval() const { return interval_; }
  void Tick();

 private:
  void Ask();

  runtime::ShardPool& shards_;
  std::chrono::milliseconds interval_{0};
  std::shared_ptr<std::atomic<int>> missing_;  // answers; shared with those that are under way
};

}  // namespace prism::app
