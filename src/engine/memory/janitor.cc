#include "engine/memory/janitor.h"

namespace prism::engine {

Janitor::~Janitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Janitor::Add(std::weak_ptr<Sweepable> target) {
  const std::lock_guard lock(mutex_);
  targets_.push_back(std::move(target));
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
}

std::vector<std::weak_ptr<Sweepable>> Janitor::Targets() {
  const std::lock_guard lock(mutex_);
  std::erase_if(targets_, [](const auto& target) { return target.expired(); });
  return targets_;
}

void Janitor::Work() {
  while (true) {
    bool more = false;
    for (const auto& weak : Targets()) {
      if (const auto target = weak.lock()) more |= target->Sweep();
    }
    std::unique_lock lock(mutex_);
    // With more to do, a short pause still leaves the locks to the requests.
    const auto pause = more ? std::chrono::milliseconds(1) : interval_;
    if (wake_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

}  // namespace prism::engine
