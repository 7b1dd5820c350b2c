#include "sqlite/writer_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sqlite/database.h"

namespace prism::sqlite {

namespace {

// Arrives like a write, perhaps in the middle of a batch, and runs between batches.
class CallItem final : public runtime::MailboxItem {
 public:
  CallItem(WriterThread& writer, std::move_only_function<void()>& work)
      : writer_(writer), work_(work) {}
  void Run() override {
    writer_.AfterBatch([this] { Work(); });
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return done_; });
  }

 private:
  void Work() {
    work_();
    const std::lock_guard lock(mutex_);
    done_ = true;
    // Under the lock: the waiter destroys this object as soon as it sees done_.
    ready_.notify_one();
  }

  WriterThread& writer_;
  std::move_only_function<void()>& work_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool done_ = false;
};

}  // namespace

WriterThread::WriterThread(std::size_t max_open_files)
    : max_open_files_(std::max<std::size_t>(max_open_files, 1)), thread_([this] { Loop(); }) {}

WriterThread::~WriterThread() { Stop(); }

void WriterThread::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void WriterThread::Post(runtime::MailboxItem& item) {
  if (!mailbox_.Push(item)) return;
  // The lock orders this after the writer's decision to sleep.
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void WriterThread::Call(std::move_only_function<void()> work) {
  CallItem item(*this, work);
  Post(item);
  item.Wait();
}

void WriterThread::Opened(Database& database) {
  open_.push_back(&database);
  if (open_.size() <= max_open_files_) return;
  const auto oldest = std::ranges::min_element(
      open_.begin(), open_.end() - 1, {}, [](const Database* open) { return open->last_used(); });
  (*oldest)->CloseConnection();
}

void WriterThread::RunDeferred() {
  std::vector<std::move_only_function<void()>> works;
  works.swap(deferred_);
  for (auto& work : works) work();
}

void WriterThread::Loop() {
  next_housekeeping_ = MonotonicNow() + kHousekeepingInterval;
  while (true) {
    Receive();
    RunDeferred();
    std::vector<Database*> turn;
    turn.swap(ready_);
    for (Database* database : turn) database->RunBatch();
    const bool more = Housekeep();
    if (!turn.empty() || more) continue;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ && mailbox_.empty()) return;
    }
    Wait();
  }
}

bool WriterThread::Housekeep() {
  if (open_.empty()) return false;
  if (MonotonicNow() < next_housekeeping_) return false;
  bool more = false;
  // A copy: a file that fails leaves the list.
  for (Database* database : std::vector<Database*>(open_)) more |= database->Housekeep();
  if (!more) next_housekeeping_ = MonotonicNow() + kHousekeepingInterval;
  return more;
}

void WriterThread::Wait() {
  std::unique_lock lock(mutex_);
  const auto due = [this] { return stopping_ || !mailbox_.empty(); };
  if (open_.empty()) {
    wake_.wait(lock, due);
    return;
  }
  const MonoNanos left = std::max<MonoNanos>(next_housekeeping_ - MonotonicNow(), 0);
  wake_.wait_for(lock, std::chrono::nanoseconds(left), due);
}

}  // namespace prism::sqlite
