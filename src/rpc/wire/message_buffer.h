// Bytes of a message that is arriving, contiguous.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace prism::rpc {

// A string that moves to pages of its own once it is large: they grow without being copied, take
// memory only as far as they were written, and give it back to the system when they are cleared. An
// allocator would keep what each size on the way has left. Thread rule: one thread at a time.
class MessageBuffer {
 public:
  MessageBuffer() = default;
  MessageBuffer(MessageBuffer&& other) noexcept { Swap(other); }
  MessageBuffer& operator=(MessageBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~MessageBuffer() { Unmap(); }

  std::size_t size() const { return view().size(); }
  std::size_t capacity() const { return pages_ != nullptr ? capacity_ : small_.capacity(); }
  // Valid until the next change.
  std::string_view view() const {
    return pages_ != nullptr ? std::string_view(pages_, size_) : std::string_view(small_);
  }

  void Append(std::string_view bytes) {
    if (pages_ == nullptr && small_.size() + bytes.size() <= kLargeBytes) [[likely]] {
      small_.append(bytes);
    } else {
      AppendToPages(bytes);
    }
  }
  void EraseFront(std::size_t count);
  // A buffer above `keep_bytes` is given back.
  void Clear(std::size_t keep_bytes) {
    small_.clear();
    if (pages_ != nullptr || small_.capacity() > keep_bytes) [[unlikely]]
      GiveBack();
  }

 private:
  static constexpr std::size_t kLargeBytes = 256 * 1024;

  void Swap(MessageBuffer& other) noexcept {
    std::swap(small_, other.small_);
    std::swap(pages_, other.pages_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void AppendToPages(std::string_view bytes);
  void GiveBack();
  void Unmap();

  std::string small_;      // empty while there are pages
  char* pages_ = nullptr;  // from mmap(2)
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace prism::rpc
