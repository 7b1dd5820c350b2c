#include "rpc/net/fair_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace prism::rpc {
namespace {

constexpr MonoNanos kStart = kNanosPerSecond;

struct Connection : FairQueue::Entry {
  Connection() : Entry(kStart) {}
};

TEST(FairQueue, ServesWhoHasUsedLeast) {
  FairQueue queue;
  Connection heavy;
  Connection light;
  Connection middling;
  heavy.Charge(30 * kNanosPerMilli, kStart);
  light.Charge(10'000, kStart);
  middling.Charge(3 * kNanosPerMilli, kStart);
  for (Connection* one : {&heavy, &light, &middling, &heavy}) queue.Push(*one, kStart);
  EXPECT_EQ(&queue.Pop(), &light);
  EXPECT_EQ(&queue.Pop(), &middling);
  EXPECT_EQ(&queue.Pop(), &heavy);
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, ForgetsWhatWasUsedLongAgo) {
  FairQueue queue;
  Connection once_heavy;
  Connection light;
  const MonoNanos later = kStart + kNanosPerSecond;
  once_heavy.Charge(100 * kNanosPerMilli, kStart);
  light.Charge(kNanosPerMilli, later);
  queue.Push(light, later);
  queue.Push(once_heavy, later);
  EXPECT_EQ(&queue.Pop(), &once_heavy);
}

// However many ask for much: one that asks for little is next.
TEST(FairQueue, ALightOneIsNotHeldUpByManyHeavyOnes) {
  FairQueue queue;
  std::vector<std::unique_ptr<Connection>> heavy;
  Connection light;
  MonoNanos now = kStart;
  for (int i = 0; i < 100; ++i) {
    heavy.push_back(std::make_unique<Connection>());
    queue.Push(*heavy.back(), now);
  }
  int served = 0;
  for (int round = 0; round < 2'000; ++round) {
    if (round % 10 == 0) queue.Push(light, now);
    FairQueue::Entry& next = queue.Pop();
    const MonoNanos cost = &next == &light ? 20'000 : kNanosPerMilli;
    now += cost;
    next.Charge(cost, now);
    if (&next == &light) {
      ++served;
    } else {
      queue.Push(next, now);
    }
  }
  EXPECT_GE(served, 180);  // all but what came before the heavy ones had used anything
}

TEST(FairQueue, ForgetsWhoLeaves) {
  FairQueue queue;
  Connection first;
  Connection second;
  queue.Push(first, kStart);
  queue.Push(second, kStart);
  queue.Remove(first);
  queue.Remove(first);
  EXPECT_EQ(&queue.Pop(), &second);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace prism::rpc
