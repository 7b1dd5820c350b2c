// How far a copy has come, for others to see while it is made.
#pragma once

#include <atomic>
#include <cstdint>

#include "branching/storage/driver.h"

namespace prism::branching {

// One copy at a time. Thread rule: any thread.
class CopyProgress {
 public:
  // Notes what has been done, and ends the copy when `stop` is set. Both outlive it.
  TransferWatch Watch(const std::atomic<bool>& stop) {
    return [this, &stop](const TransferProgress& done) {
      Note(done);
      return !stop.load();
    };
  }
  // The copy has ended.
  void Clear() { Note({}); }
  // Nothing has been done: none is made, or not by files.
  TransferProgress done() const { return {.files = files_.load(), .bytes = bytes_.load()}; }

 private:
  void Note(const TransferProgress& done) {
    files_.store(done.files);
    bytes_.store(done.bytes);
  }

  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace prism::branching
