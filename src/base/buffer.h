// Immutable bytes that many hold at once: what a store keeps as a value.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace prism::base {

// A reference-counted block of bytes, one allocation. Copies share it; nobody changes it, so a
// reader keeps a consistent value however often the key is overwritten meanwhile. Empty bytes take
// no memory. Thread rule: the bytes and the count may be used from all threads, one Buffer object
// only by one.
class Buffer {
 public:
  // At most 2^32 - 1 bytes; limits on values are far below.
  static Buffer Copy(std::string_view bytes);

  Buffer() = default;
  Buffer(const Buffer& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() {
    if (block_ != nullptr) Release(block_);
  }

  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->bytes(), block_->size);
  }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool empty() const { return block_ == nullptr; }

  // Asks the CPU for the first bytes, which are about to be shared and read: counting a reference
  // waits for its own line only, and what follows would be asked for after that.
  void Prefetch() const {
    if (block_ == nullptr) return;
    constexpr std::uintptr_t kLine = 64;
    __builtin_prefetch(block_, 1);
    // An address, not a pointer: a short value ends before it, and prefetching that is harmless.
    __builtin_prefetch(
        reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(block_) + kLine));
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> references;
    std::uint32_t size;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };
  static void Release(Block* block) noexcept;

  Block* block_ = nullptr;
};

}  // namespace prism::base
