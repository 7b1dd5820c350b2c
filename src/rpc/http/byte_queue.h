// Bytes that wait to be sent, contiguous.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prism::rpc {

// Appended at the end, consumed at the front. Keeps its memory while it is small, so that a pooled
// owner allocates nothing for small messages.
class ByteQueue {
 public:
  bool empty() const { return start_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - start_; }
  std::size_t capacity() const { return bytes_.capacity(); }
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }

  void Append(std::string_view bytes) {
    Compact();
    bytes_.append(bytes);
  }
  // Room for `count` more bytes, which write(char*) fills.
  template <class Write>
  void Append(std::size_t count, Write write) {
    Compact();
    const std::size_t old = bytes_.size();
    // libstdc++ 12 hands over the capacity where the standard says the size asked for.
    bytes_.resize_and_overwrite(old + count, [&](char* data, std::size_t /*capacity*/) {
      write(data + old);
      return old + count;
    });
  }
  void Consume(std::size_t count) {
    start_ += count;
    if (start_ == bytes_.size()) Clear();
  }
  void Clear() {
    bytes_.clear();
    if (bytes_.capacity() > kKeepBytes) bytes_.shrink_to_fit();
    start_ = 0;
  }

 private:
  static constexpr std::size_t kKeepBytes = 16 * 1024;

  // Moves the rest to the front once it is the smaller part: each byte moves at most once on
  // average.
  void Compact() {
    if (start_ <= bytes_.size() / 2) return;
    bytes_.erase(0, start_);
    start_ = 0;
  }

  std::string bytes_;
  std::size_t start_ = 0;
};

}  // namespace prism::rpc
