#include "rpc/call/memory_turns.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace prism::rpc {
namespace {

constexpr std::size_t kLimit = 1'000'000;
constexpr std::size_t kMessage = 400'000;
constexpr MonoNanos kMilli = kNanosPerMilli;

// A connection that says when it was let on.
struct Connection final : MemoryTurns::Entry {
  Connection(MemoryTurns& account, std::string& log, char name)
      : memory(account), letters(log), letter(name) {}
  void OnRoom(MonoNanos) override { letters += letter; }
  bool PutsOff() const override { return more; }
  std::size_t HeldNow() const override { return held; }
  std::uint64_t Moved() const override { return moved; }

  void Take(std::size_t count) {
    held += count;
    moved += count;
    memory.Hold(count);
  }
  void Finish() {
    memory.LetGo(held);
    held = 0;
  }

  MemoryTurns& memory;
  std::string& letters;
  const char letter;
  std::size_t held = 0;
  std::uint64_t moved = 0;
  bool more = false;
};

class MemoryTurnsTest : public ::testing::Test {
 protected:
  Connection& Make() {
    return connections_.emplace_back(memory_, let_on_,
                                     static_cast<char>('a' + connections_.size()));
  }
  // Each holds a part of what is not whole yet, and wants to go on.
  std::vector<Connection*> MakeTight(int count) {
    std::vector<Connection*> all;
    for (int i = 0; i < count; ++i) all.push_back(&Make());
    for (Connection* one : all) one->Take(kLimit / static_cast<std::size_t>(count) + 1);
    for (Connection* one : all) memory_.Wait(*one);
    return all;
  }
  std::string Update(MonoNanos at) {
    let_on_.clear();
    memory_.Update(at);
    return let_on_;
  }

  MemoryTurns memory_{kLimit, kMessage};
  std::string let_on_;
  std::deque<Connection> connections_;
};

TEST_F(MemoryTurnsTest, OneGoesOnUntilItHasFinished) {
  const auto all = MakeTight(4);
  EXPECT_EQ(Update(0), "a");
  EXPECT_TRUE(memory_.MayGrow(*all[0]));
  EXPECT_FALSE(memory_.MayGrow(*all[1]));
  all[0]->Take(100'000);
  EXPECT_EQ(Update(100 * kMilli), "") << "it has got nowhere yet";
  all[0]->Finish();
  EXPECT_EQ(Update(110 * kMilli), "bcd") << "there is memory again";
  EXPECT_FALSE(memory_.busy());
}

TEST_F(MemoryTurnsTest, WhenMemoryStaysShortTheNextHasTheTurn) {
  const auto all = MakeTight(3);
  Connection& large = Make();
  large.Take(300'000);
  EXPECT_EQ(Update(0), "a");
  all[0]->Take(10'000);
  all[0]->Finish();
  EXPECT_EQ(Update(10 * kMilli), "b");
  EXPECT_TRUE(memory_.HasTurn(*all[1]));
}

TEST_F(MemoryTurnsTest, WhoStandsStillLosesTheTurn) {
  const auto all = MakeTight(2);
  EXPECT_EQ(Update(0), "a");
  EXPECT_EQ(Update(19 * kMilli), "");
  EXPECT_EQ(Update(20 * kMilli), "b");
  EXPECT_FALSE(all[0]->waits_for_memory()) << "it has nothing to say";
  all[1]->Take(1);
  EXPECT_EQ(Update(30 * kMilli), "");
  // Dripping is no way to keep it.
  for (MonoNanos at = 130; at < 5'000; at += 100) {
    all[1]->Take(1);
    EXPECT_EQ(Update(at * kMilli), "");
  }
  all[1]->Take(1);
  all[1]->more = true;
  memory_.Wait(*all[0]);
  EXPECT_EQ(Update(5'300 * kMilli), "a");
  EXPECT_FALSE(memory_.HasTurn(*all[1]));
  EXPECT_TRUE(all[1]->waits_for_memory()) << "it goes on later";
}

// However small the limit is.
TEST_F(MemoryTurnsTest, AMessageAboveTheLimitPasses) {
  MemoryTurns memory(1, kMessage);
  std::string log;
  Connection one(memory, log, 'x');
  one.Take(1'000);
  memory.Wait(one);
  memory.Update(0);
  EXPECT_EQ(log, "x");
  for (std::size_t at = 0; at < 3 * kMessage - 2'000; at += 1'000) {
    ASSERT_TRUE(memory.MayGrow(one));
    one.Take(1'000);
  }
  one.Finish();
  memory.Update(kMilli);
  EXPECT_EQ(memory.held(), 0u);
  memory.Leave(one);
}

TEST_F(MemoryTurnsTest, ATurnIsBoundedAndGoesOnWhenThereIsRoom) {
  const auto all = MakeTight(2);
  EXPECT_EQ(Update(0), "a");
  while (memory_.MayGrow(*all[0])) all[0]->Take(10'000);
  EXPECT_LT(memory_.held(), memory_.most());
  memory_.Wait(*all[0]);
  EXPECT_TRUE(memory_.anyone_waits());
  EXPECT_EQ(Update(10'000 * kMilli), "") << "nobody else goes on before this is settled";
  memory_.LetGo(20'000);
  all[0]->held -= 20'000;
  EXPECT_EQ(Update(10'001 * kMilli), "a");
}

TEST_F(MemoryTurnsTest, KnowsSinceWhenNobodyCanHaveATurn) {
  const auto all = MakeTight(2);
  memory_.Hold(2 * kMessage);
  EXPECT_EQ(Update(kMilli), "");
  EXPECT_EQ(Update(2 * kMilli), "");
  EXPECT_EQ(memory_.stuck_since(), kMilli);
  memory_.LetGo(2 * kMessage);
  EXPECT_EQ(Update(3 * kMilli), "a");
  EXPECT_EQ(memory_.stuck_since(), 0);
}

TEST_F(MemoryTurnsTest, ThoseWhoLeaveAreForgotten) {
  const auto all = MakeTight(4);
  memory_.Leave(*all[0]);
  memory_.Leave(*all[2]);
  EXPECT_EQ(Update(0), "b");
  memory_.Leave(*all[1]);
  EXPECT_EQ(Update(kMilli), "d");
  memory_.Leave(*all[3]);
  EXPECT_FALSE(memory_.anyone_waits());
  EXPECT_EQ(Update(2 * kMilli), "");
}

}  // namespace
}  // namespace prism::rpc
