#include "runtime/frame_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace prism::runtime {
namespace {

TEST(FramePoolTest, GivesAFreedFrameToTheNextOfItsClass) {
  void* first = AllocateFrame(100);
  FreeFrame(first, 100);
  void* second = AllocateFrame(128);
  EXPECT_EQ(first == second, kFramesArePooled);
  FreeFrame(second, 128);
}

TEST(FramePoolTest, FramesOfAllSizesAreAlignedApartAndWritable) {
  std::vector<std::pair<unsigned char*, std::size_t>> frames;
  std::set<void*> different;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size <= 5'000; size += 61) {
      auto* frame = static_cast<unsigned char*>(AllocateFrame(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t), 0U);
      EXPECT_TRUE(different.insert(frame).second);
      std::memset(frame, static_cast<int>(size % 251), size);
      frames.emplace_back(frame, size);
    }
    for (const auto& [frame, size] : frames) {
      EXPECT_EQ(frame[0], size % 251);
      EXPECT_EQ(frame[size - 1], size % 251);
      FreeFrame(frame, size);
    }
    frames.clear();
    different.clear();
  }
}

TEST(FramePoolTest, TakesFramesOfOtherThreadsAndKeepsABoundedNumber) {
  constexpr std::size_t kSize = 256;
  std::vector<void*> frames(2'000);
  std::thread([&] {
    for (void*& frame : frames) frame = AllocateFrame(kSize);
  }).join();
  std::thread([&] {
    for (void* frame : frames) FreeFrame(frame, kSize);
    // Most recently kept first; beyond what was kept the allocator is asked again.
    void* reused = AllocateFrame(kSize);
    EXPECT_EQ(reused == frames[255], kFramesArePooled);
    FreeFrame(reused, kSize);
  }).join();
}

}  // namespace
}  // namespace prism::runtime
