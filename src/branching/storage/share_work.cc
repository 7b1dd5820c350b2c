#include "branching/storage/share_work.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/blocking_pool.h"

namespace prism::branching::internal {
namespace {

// Cloning a file takes some 40 us: a thread that takes several at once is not seen to wait for the
// counter, and the last ones are still spread.
constexpr std::size_t kBatch = 8;
// More gained nothing: the file system takes turns.
constexpr int kHelpers = 1;

// Shared by pointer: a helper may come when all is done and the call has returned.
class Work {
 public:
  Work(std::size_t count, const std::function<Status(std::size_t)>& work)
      : count_(count), work_(work) {}

  void Run() {
    inside_.fetch_add(1);
    for (;;) {
      const std::size_t begin = next_.fetch_add(kBatch);
      if (begin >= count_) break;  // from here on `work_` may be gone
      for (std::size_t i = begin; i < std::min(begin + kBatch, count_); ++i) {
        if (auto done = work_(i); !done) Fail(std::move(done).error());
        if (failed_) break;
      }
    }
    inside_.fetch_sub(1);
    inside_.notify_all();
  }

  // When Run has returned on the calling thread.
  Status Wait() {
    for (int inside = inside_; inside != 0; inside = inside_) inside_.wait(inside);
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  void Fail(Error error) {
    if (!failed_.exchange(true)) error_ = std::move(error);
    next_ = count_;
  }

  const std::size_t count_;
  const std::function<Status(std::size_t)>& work_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<int> inside_ = 0;  // threads in Run
  std::atomic<bool> failed_ = false;
  std::optional<Error> error_;  // of the thread that set failed_
};

}  // namespace

Status ShareWork(runtime::BlockingPool* helpers, std::size_t count,
                 const std::function<Status(std::size_t)>& work) {
  const auto shared = std::make_shared<Work>(count, work);
  for (int i = 0; helpers != nullptr && i < kHelpers && count > kBatch; ++i) {
    // A pool that is full or stopping is no error: this thread does it all.
    if (!helpers->Submit([shared] { shared->Run(); })) break;
  }
  shared->Run();
  return shared->Wait();
}

}  // namespace prism::branching::internal
