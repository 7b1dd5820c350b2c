#include "sqlite/reader_pool.h"

#include <algorithm>
#include <utility>

#include "sqlite/database.h"

namespace prism::sqlite {

ReaderPool::ReaderPool(int threads, std::size_t max_connections, std::size_t max_queue)
    : max_connections_(max_connections), max_queue_(max_queue) {
  for (int i = 0; i < std::max(threads, 1); ++i) threads_.emplace_back([this] { Work(); });
}

ReaderPool::~ReaderPool() { Stop(); }

void ReaderPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_ready_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

Status ReaderPool::Submit(Database& database, ReadOperation& operation) {
  operation.database_ = &database;
  operation.next_ = nullptr;
  std::unique_lock lock(mutex_);
  if (database.readers_.closed) return std::unexpected(StoreClosedError(database.path()));
  if (queued_ >= max_queue_) return std::unexpected(ReadQueueFullError(max_queue_));
  ++queued_;
  ++database.readers_.pending;
  (tail_ != nullptr ? tail_->next_ : head_) = &operation;
  tail_ = &operation;
  const bool wake = waiting_threads_ > 0;
  lock.unlock();
  if (wake) work_ready_.notify_one();
  return {};
}

void ReaderPool::Close(Database& database) {
  {
    std::unique_lock lock(mutex_);
    database.readers_.closed = true;
    database_quiet_.wait(lock, [&database] { return database.readers_.pending == 0; });
  }
  DropIdle(database);
}

void ReaderPool::DropIdle(Database& database) {
  std::vector<std::unique_ptr<Reader>> dropped;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  dropped.swap(database.readers_.idle);
  idle_connections_ -= dropped.size();
  std::erase(with_idle_, &database);
}

std::unique_ptr<ReaderPool::Reader> ReaderPool::TakeIdle(Database& database) {
  auto& idle = database.readers_.idle;
  if (idle.empty()) return nullptr;
  std::unique_ptr<Reader> reader = std::move(idle.back());
  idle.pop_back();
  --idle_connections_;
  if (idle.empty()) std::erase(with_idle_, &database);
  return reader;
}

void ReaderPool::PutBack(Database& database, std::unique_ptr<Reader> reader) {
  reader->last_used = ++clock_;
  auto& idle = database.readers_.idle;
  if (idle.empty()) with_idle_.push_back(&database);
  idle.push_back(std::move(reader));
  ++idle_connections_;
}

std::unique_ptr<ReaderPool::Reader> ReaderPool::EvictOldest() {
  const auto oldest = std::ranges::min_element(with_idle_, {}, [](const Database* database) {
    return database->readers_.idle.front()->last_used;
  });
  Database& database = **oldest;
  auto& idle = database.readers_.idle;
  std::unique_ptr<Reader> reader = std::move(idle.front());
  idle.erase(idle.begin());
  --idle_connections_;
  if (idle.empty()) std::erase(with_idle_, &database);
  return reader;
}

std::size_t ReaderPool::TakeBatch(ReadOperation*& first) {
  first = head_;
  ReadOperation* last = head_;
  std::size_t count = 1;
  // While threads are idle, one read each is faster.
  while (waiting_threads_ == 0 && count < kMaxBatch && last->next_ != nullptr &&
         last->next_->database_ == first->database_) {
    last = last->next_;
    ++count;
  }
  head_ = last->next_;
  if (head_ == nullptr) tail_ = nullptr;
  last->next_ = nullptr;
  queued_ -= count;
  return count;
}

Status ReaderPool::Prepare(Database& database, std::unique_ptr<Reader>& reader) {
  if (Status usable = database.ReadFailure(); !usable) {
    reader.reset();
    return usable;
  }
  const bool of_file = database.exists();
  if (reader != nullptr && of_file && !reader->of_file) reader.reset();
  if (reader == nullptr) {
    TRY_ASSIGN(reader, database.OpenReader(of_file));
  }
  return {};
}

void ReaderPool::Serve(Database& database, ReadOperation* operation, std::size_t count,
                       std::unique_ptr<Reader>& reader) {
  const Status prepared = Prepare(database, reader);
  // A transaction that fails to begin costs time only: each read has its own then.
  const bool shared = prepared && count > 1 && reader->connection->BeginRead();
  while (operation != nullptr) {
    // It may be gone after Run.
    ReadOperation& current = *std::exchange(operation, operation->next_);
    if (prepared) {
      current.Run(*reader->state);
    } else {
      current.Fail(prepared.error());
    }
  }
  // A connection that can't end its snapshot would answer old data for ever.
  if (shared && !reader->connection->Rollback()) reader.reset();
}

void ReaderPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (head_ == nullptr && !stopping_) {
      ++waiting_threads_;
      work_ready_.wait(lock);
      --waiting_threads_;
    }
    if (head_ == nullptr) return;
    ReadOperation* first = nullptr;
    const std::size_t count = TakeBatch(first);
    Database& database = *first->database_;
    std::unique_ptr<Reader> reader = TakeIdle(database);

    lock.unlock();
    Serve(database, first, count, reader);
    lock.lock();

    std::unique_ptr<Reader> evicted;
    if (reader != nullptr) PutBack(database, std::move(reader));
    if (idle_connections_ > max_connections_) evicted = EvictOldest();
    database.readers_.pending -= count;
    if (database.readers_.pending == 0 && database.readers_.closed) database_quiet_.notify_all();
    if (evicted != nullptr) {
      lock.unlock();
      evicted.reset();
      lock.lock();
    }
  }
}

}  // namespace prism::sqlite
