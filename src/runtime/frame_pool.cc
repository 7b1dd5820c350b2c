#include "runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>
#include <utility>

namespace prism::runtime {
namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 32;     // up to 2 KiB
constexpr std::uint32_t kMaxKept = 256;  // frames that a thread keeps of each class

struct FreeNode {
  FreeNode* next;
};

struct FreeList {
  FreeNode* head = nullptr;
  std::uint32_t kept = 0;
  bool closed = true;  // nothing may be kept: the thread has not used the class yet, or has ended
};

// Initialised at compile time and without a destructor, so that the way in and out is a load
// relative to the thread pointer. What it holds is given back by the Janitor.
constinit thread_local std::array<FreeList, kClasses> lists{};

// Lives from the first frame that a thread frees to the end of the thread.
struct Janitor {
  Janitor() {
    for (FreeList& list : lists) list.closed = false;
  }
  ~Janitor() {
    for (FreeList& list : lists) {
      while (list.head != nullptr) ::operator delete(std::exchange(list.head, list.head->next));
      list = FreeList{};
    }
  }
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;
};

// Constructs the Janitor once a thread; frames that are freed after its end are not kept.
[[gnu::noinline]] void OpenLists() noexcept { static thread_local const Janitor kJanitor; }

std::size_t ClassOf(std::size_t size) { return (size - 1) / kClassBytes; }

}  // namespace

void* AllocateFrame(std::size_t size) {
  const std::size_t size_class = ClassOf(size);
  if (!kFramesArePooled || size_class >= kClasses) return ::operator new(size);
  FreeList& list = lists[size_class];
  if (list.head == nullptr) return ::operator new((size_class + 1) * kClassBytes);
  --list.kept;
  return std::exchange(list.head, list.head->next);
}

void FreeFrame(void* frame, std::size_t size) noexcept {
  const std::size_t size_class = ClassOf(size);
  if (!kFramesArePooled || size_class >= kClasses) return ::operator delete(frame);
  FreeList& list = lists[size_class];
  if (list.closed) OpenLists();
  if (list.closed || list.kept == kMaxKept) return ::operator delete(frame);
  ++list.kept;
  list.head = new (frame) FreeNode{list.head};
}

}  // namespace prism::runtime
