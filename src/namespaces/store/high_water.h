// How far the configuration store had come, kept beside it: SQLite notices neither that the last
// transactions of its log are gone nor that its file is an old one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"

namespace prism::namespaces {

struct HighWater {
  std::string store_id;  // 26 characters at most
  std::int64_t revision = 0;
  std::string history_hash;  // over the heads of all histories

  bool operator==(const HighWater&) const = default;
};

// One small file with two places that are written in turn, so that a torn write leaves the other.
// Life cycle: Open makes the file when it is missing. Thread rule: one thread at a time.
class HighWaterFile {
 public:
  // FAILED_PRECONDITION/FILE_UNREADABLE.
  static Result<HighWaterFile> Open(const std::string& path);
  HighWaterFile(HighWaterFile&& other) noexcept;
  HighWaterFile& operator=(HighWaterFile&&) = delete;
  ~HighWaterFile();

  // The newest mark that was written; nothing: there is none. DATA_LOSS/CONFIG_STORE_DAMAGED: the
  // file has something, and none of it is a mark.
  Result<std::optional<HighWater>> Read() const;
  // On disk when it returns.
  Status Write(const HighWater& mark) const;

 private:
  HighWaterFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

}  // namespace prism::namespaces
