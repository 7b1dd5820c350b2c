#include "runtime/blocking_pool.h"

namespace prism::runtime {

BlockingPool::BlockingPool(int threads, std::size_t max_queue) : max_queue_(max_queue) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

BlockingPool::~BlockingPool() { Stop(); }

Status BlockingPool::Submit(std::move_only_function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return std::unexpected(Error(Code::kUnavailable, "SHUTTING_DOWN",
                                   "the process is stopping; retry on another instance"));
    }
    if (queue_.size() >= max_queue_) {
      return std::unexpected(Error(Code::kResourceExhausted, "BLOCKING_POOL_FULL",
                                   "too many blocking operations are waiting; retry later"));
    }
    queue_.push_back(std::move(work));
  }
  ready_.notify_one();
  return {};
}

void BlockingPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void BlockingPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace prism::runtime
