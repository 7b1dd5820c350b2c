// The threads that all SQLite files of the process share.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "sqlite/database.h"
#include "sqlite/disk_guard.h"
#include "sqlite/operations.h"
#include "sqlite/reader_pool.h"
#include "sqlite/writer_thread.h"

namespace prism::sqlite {

struct ExecutorOptions {
  int writer_threads = 0;  // 0: one per core, at most 4
  int reader_threads = 0;  // 0: one per core, at least 2 and at most 8
  // Files open for writing at most, and as many connections for reading; beyond it the one that was
  // idle for longest is closed.
  std::size_t max_open_files = 128;
  std::size_t max_queued_reads = 65'536;
};

// Life cycle: made before and destroyed after every Database on it. Thread-safe.
class Executor {
 public:
  explicit Executor(const ExecutorOptions& options = {});
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // `kind` and `disk` (null: no reserve) must outlive the database. The same path always gets the
  // same writer thread.
  std::unique_ptr<Database> Make(DatabaseOptions options, DatabaseKind& kind, DiskGuard* disk);

 private:
  std::vector<std::unique_ptr<WriterThread>> writers_;
  ReaderPool readers_;
};

}  // namespace prism::sqlite
