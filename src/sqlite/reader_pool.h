// Threads that answer reads from the committed state of all files.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"
#include "sqlite/operations.h"

namespace prism::sqlite {

// One queue for all files, so that a long scan holds up one thread and no file. A connection is
// used by one thread at a time and kept by its Database between reads. Life cycle: the constructor
// starts the threads, Stop (or the destructor) ends them once every Database is closed.
// Thread-safe.
class ReaderPool {
 public:
  // At most `max_connections` are open at rest; a thread may have one more in its hands.
  ReaderPool(int threads, std::size_t max_connections, std::size_t max_queue);
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;
  ~ReaderPool();
  void Stop();

  // RESOURCE_EXHAUSTED/READ_QUEUE_FULL, or UNAVAILABLE/STORE_CLOSED: the operation was not taken.
  Status Submit(Database& database, ReadOperation& operation);
  // Waits until the database's reads have ended, refuses later ones and closes its connections.
  void Close(Database& database);
  // Closes the connections at rest, for a file whose writer has stopped trusting it.
  void DropIdle(Database& database);

 private:
  friend class Database;

  // One reading connection with what belongs to it.
  struct Reader {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<ReaderState> state;
    bool of_file = false;  // false: of an empty database in memory, because there was no file yet
    std::uint64_t last_used = 0;
  };

  // What the pool keeps in each Database; under mutex_.
  struct PerDatabase {
    std::vector<std::unique_ptr<Reader>> idle;
    std::size_t pending = 0;  // queued or running
    bool closed = false;
  };

  // Reads that share a snapshot when all threads are busy: its two locks cost as much as a read.
  // All of them were submitted before it is taken, so each sees what had been answered.
  static constexpr std::size_t kMaxBatch = 16;

  void Work();
  std::unique_ptr<Reader> TakeIdle(Database& database);
  void PutBack(Database& database, std::unique_ptr<Reader> reader);
  // Cuts reads of one file off the queue's head. Answers how many.
  std::size_t TakeBatch(ReadOperation*& first);
  static Status Prepare(Database& database, std::unique_ptr<Reader>& reader);
  static void Serve(Database& database, ReadOperation* operation, std::size_t count,
                    std::unique_ptr<Reader>& reader);
  // The reader at rest that was not used for longest, taken out of its database.
  std::unique_ptr<Reader> EvictOldest();

  const std::size_t max_connections_;
  const std::size_t max_queue_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable database_quiet_;
  ReadOperation* head_ = nullptr;
  ReadOperation* tail_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t waiting_threads_ = 0;
  std::size_t idle_connections_ = 0;
  std::uint64_t clock_ = 0;  // counts uses
  std::vector<Database*> with_idle_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace prism::sqlite
