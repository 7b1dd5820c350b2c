#include "branching/privileged/packet.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace prism::branching::internal {
namespace {

TEST(Packet, CarriesBytesAndDescriptors) {
  const auto ends = MakeSocketPair().value();
  const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(SendPacket(ends.first.get(), "hello", {file.get(), file.get()}));
  ASSERT_TRUE(SendPacket(ends.first.get(), "again", {}));
  const auto first = ReceivePacket(ends.second.get());
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->bytes, "hello");
  ASSERT_EQ((*first)->fds.size(), 2U);
  struct stat status = {};
  EXPECT_EQ(::fstat((*first)->fds[1].get(), &status), 0);
  EXPECT_EQ(::fcntl((*first)->fds[1].get(), F_GETFD), FD_CLOEXEC);
  const auto second = ReceivePacket(ends.second.get());
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->bytes, "again");
  EXPECT_TRUE((*second)->fds.empty());
}

TEST(Packet, TheEndIsNoPacket) {
  auto ends = MakeSocketPair().value();
  EXPECT_FALSE(HungUp(ends.first.get()));
  ends.second.reset();
  EXPECT_TRUE(HungUp(ends.first.get()));
  EXPECT_EQ(ReceivePacket(ends.first.get())->has_value(), false);
  EXPECT_EQ(SendPacket(ends.first.get(), "x", {}).error().reason(), "PRIVILEGED_SOCKET");
}

TEST(Packet, ASideThatSaysNothingMoreHasHungUp) {
  const auto ends = MakeSocketPair().value();
  ::shutdown(ends.second.get(), SHUT_WR);
  EXPECT_TRUE(HungUp(ends.first.get()));
  EXPECT_TRUE(SendPacket(ends.first.get(), "still heard", {}));
}

TEST(Packet, IsBounded) {
  const auto ends = MakeSocketPair().value();
  EXPECT_TRUE(SendPacket(ends.first.get(), std::string(kMaxPacket, 'x'), {}));
  EXPECT_EQ((*ReceivePacket(ends.second.get()))->bytes.size(), kMaxPacket);
  EXPECT_EQ(SendPacket(ends.first.get(), std::string(kMaxPacket + 1, 'x'), {}).error().reason(),
            "PRIVILEGED_PACKET_TOO_LONG");
  const std::vector<int> many(kMaxDescriptors + 1, ends.second.get());
  EXPECT_EQ(SendPacket(ends.first.get(), "x", many).error().reason(), "PRIVILEGED_PACKET_TOO_LONG");
  const std::string long_one(kMaxPacket + 1, 'x');
  ASSERT_EQ(::send(ends.first.get(), long_one.data(), long_one.size(), 0),
            ssize_t(long_one.size()));
  EXPECT_EQ(ReceivePacket(ends.second.get()).error().reason(), "PRIVILEGED_PACKET_TOO_LONG");
}

}  // namespace
}  // namespace prism::branching::internal
