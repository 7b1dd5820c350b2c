#include "rpc/wire/message_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace prism::rpc {

void MessageBuffer::AppendToPages(std::string_view bytes) {
  const std::size_t needed = size() + bytes.size();
  if (pages_ == nullptr || needed > capacity_) {
    const std::size_t capacity = std::max(needed, 2 * std::max(capacity_, kLargeBytes));
    void* const pages = pages_ == nullptr ? ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                          : ::mremap(pages_, capacity_, capacity, MREMAP_MAYMOVE);
    if (pages == MAP_FAILED) std::abort();  // as when an allocation fails
    pages_ = static_cast<char*>(pages);
    capacity_ = capacity;
  }
  if (!small_.empty()) {
    std::memcpy(pages_, small_.data(), small_.size());
    size_ = small_.size();
    small_ = std::string();
  }
  std::memcpy(pages_ + size_, bytes.data(), bytes.size());
  size_ = needed;
}

void MessageBuffer::EraseFront(std::size_t count) {
  if (pages_ == nullptr) {
    small_.erase(0, count);
    return;
  }
  size_ -= count;
  std::memmove(pages_, pages_ + count, size_);
}

void MessageBuffer::GiveBack() {
  Unmap();
  small_.shrink_to_fit();
}

void MessageBuffer::Unmap() {
  if (pages_ == nullptr) return;
  ::munmap(pages_, capacity_);
  pages_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace prism::rpc
