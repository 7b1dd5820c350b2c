// How far the configuration store had come, kept beside it: SQLite notices neither that the last
// transactions of its log are gone nor that its file is an old one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "sqlite/chain_head.h"

namespace prism::namespaces {

struct HighWater {
  std::string store_id = {};  // 26 characters at most; empty: no configuration was stored yet
  std::int64_t revision = 0;
  std::string history_hash = {};  // over the heads of all histories
  // Of the chain that others keep in the same file. Nothing: an earlier version wrote the mark.
  std::optional<sqlite::ChainHead> chain = {};

  bool operator==(const HighWater&) const = default;
};

// One small file with two places that are written in turn, so that a torn write leaves the other.
// Life cycle: Open makes the file when it is missing. Thread rule: one thread at a time writes,
// while any may Read.
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
  // What Open found or Write wrote. On the thread that writes.
  const std::optional<HighWater>& newest() const { return newest_; }
  // On disk when it returns. The newest mark once more is not written again.
  Status Write(const HighWater& mark);

 private:
  HighWaterFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  std::size_t next_place_ = 0;
  std::optional<HighWater> newest_;
};

}  // namespace prism::namespaces
