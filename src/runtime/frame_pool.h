// Memory for coroutine frames: a free list per thread and size class, so that a request that starts
// two or three coroutines costs no trip to the allocator.
#pragma once

#include <cstddef>

namespace prism::runtime {

// False under AddressSanitizer, which then sees every frame come and go and finds those that are
// used after their end.
#if __has_feature(address_sanitizer)
inline constexpr bool kFramesArePooled = false;
#else
inline constexpr bool kFramesArePooled = true;
#endif

// Any thread: a frame may be freed on another thread than the one that allocated it; it then joins
// that thread's list. A thread keeps at most 256 frames of each class of 64 bytes; frames above
// 2 KiB come from operator new.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* frame, std::size_t size) noexcept;

}  // namespace prism::runtime
