#include "rpc/net/connection_order.h"

#include <gtest/gtest.h>

namespace prism::rpc {
namespace {

struct Connection : ConnectionOrder::Entry {};

TEST(ConnectionOrder, GivesUpTheLongestInTheLowestRank) {
  ConnectionOrder order;
  Connection busy;
  Connection idle;
  Connection first;
  Connection second;
  EXPECT_EQ(order.LeastMissed(), nullptr);
  order.Add(busy, ConnectionRank::kBusy);
  EXPECT_EQ(order.LeastMissed(), nullptr);
  order.Add(idle, ConnectionRank::kIdle);
  EXPECT_EQ(order.LeastMissed(), &idle);
  order.Add(first, ConnectionRank::kNewcomer);
  order.Add(second, ConnectionRank::kNewcomer);
  EXPECT_EQ(order.LeastMissed(), &first);
  order.Move(first, ConnectionRank::kNewcomer);
  EXPECT_EQ(order.LeastMissed(), &second);
  order.Move(second, ConnectionRank::kHandshake);
  order.Move(first, ConnectionRank::kHandshake);
  EXPECT_EQ(order.Oldest(ConnectionRank::kHandshake), &second);
  EXPECT_EQ(order.Oldest(ConnectionRank::kNewcomer), nullptr);
  order.Move(busy, ConnectionRank::kLeaving);
  EXPECT_EQ(order.LeastMissed(), &busy);
}

TEST(ConnectionOrder, ForgetsWhoLeaves) {
  ConnectionOrder order;
  Connection first;
  Connection second;
  Connection third;
  for (Connection* one : {&first, &second, &third}) order.Add(*one, ConnectionRank::kIdle);
  order.Remove(second);
  order.Remove(first);
  EXPECT_EQ(order.LeastMissed(), &third);
  order.Remove(third);
  EXPECT_EQ(order.LeastMissed(), nullptr);
}

}  // namespace
}  // namespace prism::rpc
