#include "runtime/blocking_pool.h"

#include <system_error>

#include "base/check.h"
#include "base/os_error.h"

namespace prism::runtime {

BlockingPool::BlockingPool(int threads, std::size_t max_queue)
    : max_threads_(static_cast<std::size_t>(threads)), max_queue_(max_queue) {
  PRISM_CHECK(threads > 0, "a BlockingPool needs a thread");
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
    if (queue_.size() >= idle_ && threads_.size() < max_threads_) TRY(StartThread());
    queue_.push_back(std::move(work));
  }
  ready_.notify_one();
  return {};
}

// Without a new thread those that run do the work, only later; without any it would never be done.
Status BlockingPool::StartThread() {
  try {
    threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error& e) {
    if (threads_.empty()) {
      return std::unexpected(base::OsError(e.code().value(), "BLOCKING_POOL_NO_THREAD",
                                           "starting a thread for a blocking operation"));
    }
  }
  return {};
}

void BlockingPool::Stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  ready_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void BlockingPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds may take long to destroy
    lock.lock();
  }
}

}  // namespace prism::runtime
