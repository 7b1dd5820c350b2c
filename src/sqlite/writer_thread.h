// The thread that does all writes and checkpoints of the files that are given to it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runtime/mailbox.h"

namespace prism::sqlite {

class Database;

// Group commit without an artificial wait: while one batch is being synced the next one gathers in
// the mailbox. Files take turns, a batch each.
// Life cycle: the constructor starts the thread, Stop (or the destructor) ends it once every
// Database on it is closed.
class WriterThread {
 public:
  explicit WriterThread(std::size_t max_open_files);
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;
  ~WriterThread();
  void Stop();

  // Any thread.
  void Post(runtime::MailboxItem& item);
  // Any thread but this one: runs `work` there between batches and waits for it.
  void Call(std::move_only_function<void()> work);

  // --- writer's thread only, for Database ---
  // Takes over what arrived meanwhile.
  void Receive() { mailbox_.RunAll(); }
  // Runs `work` when no transaction is open.
  void AfterBatch(std::move_only_function<void()> work) { deferred_.push_back(std::move(work)); }
  void MarkReady(Database& database) { ready_.push_back(&database); }
  // Registers an open file; closes the one that was idle for longest when there are too many.
  void Opened(Database& database);
  void Closed(Database& database) { std::erase(open_, &database); }
  // The database is about to go: no turn any more.
  void Forget(Database& database) { std::erase(ready_, &database); }

 private:
  static constexpr MonoNanos kHousekeepingInterval = kNanosPerSecond;

  void Loop();
  void RunDeferred();
  // True when some work was done and more may be due.
  bool Housekeep();
  void Wait();

  const std::size_t max_open_files_;
  runtime::Mailbox mailbox_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  // Writer's thread only.
  std::vector<Database*> ready_;  // have writes queued, in order of turn
  std::vector<Database*> open_;
  std::vector<std::move_only_function<void()>> deferred_;
  MonoNanos next_housekeeping_ = 0;
  std::thread thread_;
};

}  // namespace prism::sqlite
