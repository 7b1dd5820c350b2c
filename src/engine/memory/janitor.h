// The engine's thread for what nobody asks for: removing what has expired or was abandoned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/sweep_mark.h"

namespace prism::engine {

class Sweepable {
 public:
  // Does a bounded piece of work; true when there is more. Called on the janitor's thread.
  virtual bool Sweep() = 0;
  // Whether no later Sweep could find anything unless the mark is touched before.
  virtual bool Idle() { return false; }
  // Touched by all changes, for those that can be idle.
  virtual SweepMark* mark() { return nullptr; }

 protected:
  ~Sweepable() = default;
};

// Goes round about once a second, and on until nothing is due; visits only those in which something
// may expire. Expired data is never visible, with
// or without a janitor; it only gives the memory back. Thread-safe; the thread starts with the
// first Add and is joined by the destructor.
class Janitor {
 public:
  explicit Janitor(std::chrono::milliseconds interval = std::chrono::seconds(1))
      : interval_(interval) {}
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;
  ~Janitor();

  void Add(std::weak_ptr<Sweepable> target);

 private:
  friend class SweepMark;
  void Work();
  // False when nobody needs to come again until the mark is touched.
  static bool Visit(Sweepable& target, bool& more);
  void ComeTo(std::weak_ptr<Sweepable> target);
  void TakeAdded(std::vector<std::weak_ptr<Sweepable>>& active);

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::weak_ptr<Sweepable>> added_;  // and not visited yet
  std::thread thread_;
};

}  // namespace prism::engine
