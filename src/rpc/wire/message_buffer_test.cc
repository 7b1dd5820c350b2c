#include "rpc/wire/message_buffer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace prism::rpc {
namespace {

std::string Pattern(std::size_t size, std::size_t seed) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i + seed) * 31 >> 3);
  return bytes;
}

// Across the size at which it moves, and through several growths behind it.
TEST(MessageBuffer, HoldsWhatWasAppended) {
  MessageBuffer buffer;
  std::string expected;
  for (std::size_t i = 0; expected.size() < 3'000'000; ++i) {
    const std::string part = Pattern(1 + i * 977 % 60'000, i);
    buffer.Append(part);
    expected += part;
    ASSERT_EQ(buffer.size(), expected.size());
    ASSERT_LE(buffer.size(), buffer.capacity());
  }
  EXPECT_TRUE(buffer.view() == expected);
}

TEST(MessageBuffer, LosesItsFront) {
  for (const std::size_t size : {1'000u, 1'000'000u}) {
    MessageBuffer buffer;
    std::string expected = Pattern(size, 5);
    buffer.Append(expected);
    buffer.EraseFront(size / 3);
    expected.erase(0, size / 3);
    EXPECT_TRUE(buffer.view() == expected);
    buffer.Append("end");
    EXPECT_TRUE(buffer.view() == expected + "end");
  }
}

TEST(MessageBuffer, GivesBackWhatIsLarge) {
  MessageBuffer buffer;
  buffer.Append(Pattern(1'000'000, 1));
  EXPECT_GE(buffer.capacity(), 1'000'000u);
  buffer.Clear(16 * 1024);
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_LT(buffer.capacity(), 1'000u);
  buffer.Append("small");
  EXPECT_EQ(buffer.view(), "small");
}

TEST(MessageBuffer, MovesWithItsPages) {
  MessageBuffer from;
  const std::string expected = Pattern(1'000'000, 2);
  from.Append(expected);
  const char* const where = from.view().data();
  MessageBuffer to = std::move(from);
  EXPECT_TRUE(to.view() == expected);
  EXPECT_EQ(to.view().data(), where);
}

}  // namespace
}  // namespace prism::rpc
