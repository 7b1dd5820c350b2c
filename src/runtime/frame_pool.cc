#include "runtime/frame_pool.h"

#include <array>
#include <new>
#include <utility>

namespace prism::runtime {
namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 32;   // up to 2 KiB
constexpr std::size_t kMaxKept = 256;  // frames a thread keeps of each class

struct FreeFrameNode {
  FreeFrameNode* next;
};

// One list per size class; what a thread keeps goes back to the allocator when the thread ends.
class FrameCache {
 public:
  ~FrameCache() {
    for (List& list : lists_) {
      while (list.head != nullptr) ::operator delete(std::exchange(list.head, list.head->next));
    }
  }

  void* Allocate(std::size_t size_class) {
    List& list = lists_[size_class];
    if (list.head == nullptr) return ::operator new((size_class + 1) * kClassBytes);
    --list.kept;
    return std::exchange(list.head, list.head->next);
  }

  void Free(void* frame, std::size_t size_class) noexcept {
    List& list = lists_[size_class];
    if (list.kept == kMaxKept) {
      ::operator delete(frame);
      return;
    }
    ++list.kept;
    list.head = new (frame) FreeFrameNode{list.head};
  }

 private:
  struct List {
    FreeFrameNode* head = nullptr;
    std::size_t kept = 0;
  };
  std::array<List, kClasses> lists_;
};

FrameCache& Cache() {
  static thread_local FrameCache cache;
  return cache;
}

std::size_t ClassOf(std::size_t size) { return (size - 1) / kClassBytes; }

}  // namespace

void* AllocateFrame(std::size_t size) {
  const std::size_t size_class = ClassOf(size);
  return size_class < kClasses ? Cache().Allocate(size_class) : ::operator new(size);
}

void FreeFrame(void* frame, std::size_t size) noexcept {
  const std::size_t size_class = ClassOf(size);
  if (size_class < kClasses) {
    Cache().Free(frame, size_class);
  } else {
    ::operator delete(frame);
  }
}

}  // namespace prism::runtime
