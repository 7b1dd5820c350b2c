// The engine's thread for what nobody asks for: removing what has expired or was abandoned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace prism::engine {

class Sweepable {
 public:
  // Does a bounded piece of work; true when there is more. Called on the janitor's thread.
  virtual bool Sweep() = 0;

 protected:
  ~Sweepable() = default;
};

// Goes round about once a second, and on until nothing is due. Expired data is never visible, with
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
  void Work();
  std::vector<std::weak_ptr<Sweepable>> Targets();

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::weak_ptr<Sweepable>> targets_;
  std::thread thread_;
};

}  // namespace prism::engine
