#include "sqlite/executor.h"

#include <algorithm>
#include <functional>
#include <thread>
#include <utility>

namespace prism::sqlite {
namespace {

int Cores() { return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u)); }

int WriterThreads(const ExecutorOptions& options) {
  return options.writer_threads > 0 ? options.writer_threads : std::min(4, Cores());
}

int ReaderThreads(const ExecutorOptions& options) {
  return options.reader_threads > 0 ? options.reader_threads : std::clamp(Cores(), 2, 8);
}

}  // namespace

Executor::Executor(const ExecutorOptions& options)
    : readers_(ReaderThreads(options), options.max_open_files, options.max_queued_reads) {
  const auto threads = static_cast<std::size_t>(WriterThreads(options));
  for (std::size_t i = 0; i < threads; ++i) {
    writers_.push_back(std::make_unique<WriterThread>(options.max_open_files / threads));
  }
}

std::unique_ptr<Database> Executor::Make(DatabaseOptions options, DatabaseKind& kind,
                                         DiskGuard* disk) {
  const std::size_t writer = std::hash<std::string>()(options.path) % writers_.size();
  return std::make_unique<Database>(std::move(options), kind, *writers_[writer], readers_, disk);
}

}  // namespace prism::sqlite
