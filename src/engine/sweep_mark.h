// How whoever changes data tells the janitor that it has to come again.
#pragma once

#include <atomic>
#include <memory>

namespace prism::engine {

class Janitor;
class Sweepable;

// Lies with the data of a Sweepable. While nothing in there can expire, the janitor does not come
// by, so that 10,000 quiet namespaces cost nothing. Thread-safe after Janitor::Add.
class SweepMark {
 public:
  SweepMark() = default;
  SweepMark(const SweepMark&) = delete;
  SweepMark& operator=(const SweepMark&) = delete;

  // After a change that may have left something to be removed some day. The janitor sets the mark
  // before it looks and both look under the locks of the data: either the janitor sees the change,
  // or the change sees the mark.
  void Touched() {
    if (resting_.load(std::memory_order_relaxed)) [[unlikely]] {
      Wake();
    }
  }

 private:
  friend class Janitor;
  void Wake();

  std::atomic<bool> resting_ = false;
  Janitor* janitor_ = nullptr;
  std::weak_ptr<Sweepable> target_;
};

}  // namespace prism::engine
