// Memory for coroutine frames: a free list per thread and size class, so that a request that starts
// two or three coroutines costs no trip to the allocator.
#pragma once

#include <cstddef>

namespace prism::runtime {

// Thread-safe: a frame may be freed on another thread than the one that allocated it; it then joins
// that thread's list. Frames above 2 KiB come from operator new.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* frame, std::size_t size) noexcept;

}  // namespace prism::runtime
