#include "base/buffer.h"

#include <cstring>
#include <new>

namespace prism::base {

Buffer Buffer::Copy(std::string_view bytes) {
  Buffer buffer;
  if (bytes.empty()) return buffer;
  void* memory = ::operator new(sizeof(Block) + bytes.size());
  buffer.block_ =
      ::new (memory) Block{.references = 1, .size = static_cast<std::uint32_t>(bytes.size())};
  std::memcpy(buffer.block_->bytes(), bytes.data(), bytes.size());
  return buffer;
}

void Buffer::Release(Block* block) noexcept {
  if (block->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  block->~Block();
  ::operator delete(block);
}

}  // namespace prism::base
