#include "engine/memory/janitor.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace prism::engine {

Janitor::~Janitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SweepMark::Wake() {
  if (resting_.exchange(false)) janitor_->ComeTo(target_);
}

void Janitor::Add(std::weak_ptr<Sweepable> target) {
  if (const auto alive = target.lock(); alive != nullptr && alive->mark() != nullptr) {
    alive->mark()->janitor_ = this;
    alive->mark()->target_ = target;
  }
  ComeTo(std::move(target));
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
}

void Janitor::ComeTo(std::weak_ptr<Sweepable> target) {
  const std::lock_guard lock(mutex_);
  added_.push_back(std::move(target));
}

void Janitor::TakeAdded(std::vector<std::weak_ptr<Sweepable>>& active) {
  const std::lock_guard lock(mutex_);
  std::ranges::move(added_, std::back_inserter(active));
  added_.clear();
}

bool Janitor::Visit(Sweepable& target, bool& more) {
  SweepMark* mark = target.mark();
  if (mark != nullptr) mark->resting_ = true;  // before it looks, see SweepMark::Touched
  more |= target.Sweep();
  if (mark == nullptr) return true;
  if (target.Idle()) return false;
  // When a change has seen the mark it has added the target again.
  return mark->resting_.exchange(false);
}

void Janitor::Work() {
  std::vector<std::weak_ptr<Sweepable>> active;
  while (true) {
    TakeAdded(active);
    bool more = false;
    std::erase_if(active, [&more](const auto& weak) {
      const auto target = weak.lock();
      return target == nullptr || !Visit(*target, more);
    });
    std::unique_lock lock(mutex_);
    // With more to do, a short pause still leaves the locks to the requests.
    const auto pause = more ? std::chrono::milliseconds(1) : interval_;
    if (wake_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

}  // namespace prism::engine
