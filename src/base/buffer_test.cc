#include "base/buffer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace prism::base {
namespace {

TEST(Buffer, KeepsBytesForAllWhoHoldIt) {
  std::string source("a\0b", 3);
  Buffer first = Buffer::Copy(source);
  source = "changed";
  Buffer second = first;
  EXPECT_EQ(second.view(), std::string_view("a\0b", 3));
  EXPECT_EQ(first.view().data(), second.view().data());
  first = Buffer::Copy("other");
  EXPECT_EQ(second.view(), std::string_view("a\0b", 3));
  const Buffer moved = std::move(second);
  EXPECT_EQ(moved.size(), 3U);
}

TEST(Buffer, EmptyBytesTakeNoMemory) {
  EXPECT_TRUE(Buffer::Copy("").empty());
  EXPECT_EQ(Buffer().view(), "");
  Buffer buffer = Buffer::Copy("x");
  buffer = Buffer();
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, AssigningItselfIsHarmless) {
  Buffer buffer = Buffer::Copy("bytes");
  const Buffer& same = buffer;
  buffer = same;
  EXPECT_EQ(buffer.view(), "bytes");
}

TEST(Buffer, IsSharedBetweenThreads) {
  const Buffer shared = Buffer::Copy("shared bytes");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared] {
      Buffer copy;
      for (int round = 0; round < 1000; ++round) {
        copy = shared;
        ASSERT_EQ(copy.view(), "shared bytes");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace prism::base
