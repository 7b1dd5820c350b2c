#include "models/keyvalue/transaction_table.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

class Transactions : public ::testing::Test {
 protected:
  TransactionTable::Claim Begin(MonoNanos deadline = 100) {
    return {.handle = *table_.Begin("me", deadline, 1), .principal = "me", .now = 1};
  }
  static PendingWrite Value(std::size_t bytes) {
    return {.value = base::Buffer::Copy(std::string(bytes, 'v'))};
  }
  static std::string_view Reason(const Status& status) {
    return status ? "" : status.error().reason();
  }

  MemoryBudget budget_{64u << 20};
  TransactionTable table_{budget_, 3};
};

TEST_F(Transactions, KeepsReadsAndWritesUntilTheCommit) {
  const auto claim = Begin();
  EXPECT_TRUE(table_.NoteRead(claim, "r", "7"));
  EXPECT_TRUE(table_.NoteRead(claim, "r", "8"));
  EXPECT_TRUE(table_.Write(claim, "w", Value(3)));
  EXPECT_TRUE(table_.Write(claim, "w", Value(5)));
  EXPECT_TRUE(table_.Write(claim, "gone", {.removal = true}));
  EXPECT_EQ((*table_.OwnWrite(claim, "w"))->value.size(), 5U);
  EXPECT_FALSE(*table_.OwnWrite(claim, "r"));
  const auto content = table_.Close(claim, "");
  ASSERT_TRUE(content);
  EXPECT_EQ((*content)->reads.at("r"), "7") << "the first read counts";
  EXPECT_EQ((*content)->writes.size(), 2U);
  EXPECT_EQ(Reason(table_.Write(claim, "w", Value(1))), "TRANSACTION_NOT_FOUND");
  EXPECT_FALSE(table_.Close(claim, ""));
  EXPECT_EQ(table_.open(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(Transactions, ARepeatedCommitWithItsIdGetsTheSameContent) {
  const auto claim = Begin();
  EXPECT_TRUE(table_.Write(claim, "w", Value(3)));
  const auto first = table_.Close(claim, "id");
  const auto second = table_.Close(claim, "id");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  EXPECT_FALSE(table_.Close(claim, "other"));
  EXPECT_FALSE(table_.OwnWrite(claim, "w"));
  table_.Rollback(claim);
  EXPECT_TRUE(table_.Close(claim, "id")) << "a rollback can't undo a commit";
  table_.Finish(claim.handle);
  table_.Finish(claim.handle);
  EXPECT_FALSE(table_.Close(claim, "id"));
}

TEST_F(Transactions, EndAtTheirDeadline) {
  auto claim = Begin(100);
  claim.now = 99;
  EXPECT_TRUE(table_.Write(claim, "w", Value(3)));
  claim.now = 100;
  EXPECT_EQ(Reason(table_.Write(claim, "w", Value(3))), "TRANSACTION_NOT_FOUND");
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(Transactions, AbandonedOnesMakeRoom) {
  for (int i = 0; i < 3; ++i) Begin(100);
  const auto refused = table_.Begin("me", 200, 50);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "TOO_MANY_TRANSACTIONS");
  EXPECT_TRUE(refused.error().retry_after());
  EXPECT_EQ(table_.open(), 3U);
  EXPECT_TRUE(table_.Begin("me", 200, 100));
  EXPECT_EQ(table_.open(), 1U);
}

TEST_F(Transactions, BelongToWhoBeganThem) {
  auto claim = Begin();
  claim.principal = "somebody";
  EXPECT_EQ(Reason(table_.Write(claim, "w", Value(3))), "TRANSACTION_NOT_FOUND");
  table_.Rollback(claim);
  claim.principal = "me";
  EXPECT_TRUE(table_.Write(claim, "w", Value(3)));
}

TEST_F(Transactions, AreBounded) {
  const auto claim = Begin();
  EXPECT_TRUE(table_.Write(claim, "a", Value((4u << 20) - 1)));
  EXPECT_EQ(Reason(table_.Write(claim, "b", Value(0))), "TRANSACTION_TOO_LARGE");
  EXPECT_TRUE(table_.Write(claim, "a", Value(1)));
  for (int i = 1; i < 1000; ++i) ASSERT_TRUE(table_.Write(claim, std::to_string(i), Value(1)));
  EXPECT_EQ(Reason(table_.Write(claim, "one more", Value(1))), "TRANSACTION_TOO_LARGE");
  EXPECT_TRUE(table_.Write(claim, "a", Value(2))) << "a key that is there can still be changed";
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(table_.NoteRead(claim, std::to_string(i), "1"));
  EXPECT_EQ(Reason(table_.NoteRead(claim, "one more", "1")), "TRANSACTION_TOO_LARGE");
  EXPECT_TRUE(table_.NoteRead(claim, "5", "1"));
}

TEST_F(Transactions, LongVersionsCountForTheMemoryLimit) {
  const auto claim = Begin();
  EXPECT_TRUE(table_.NoteRead(claim, "short", std::string(13, 'v')));
  const std::uint64_t before = budget_.used();
  EXPECT_TRUE(table_.NoteRead(claim, "again", std::string(13, 'v')));
  const std::uint64_t of_short = budget_.used() - before;
  EXPECT_TRUE(table_.NoteRead(claim, "other", std::string(40, 'v')));
  EXPECT_EQ(budget_.used(), before + 2 * of_short + 40);
  table_.Rollback(claim);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST(TransactionBudget, BuffersCountForTheMemoryLimit) {
  MemoryBudget budget(10'000);
  {
    TransactionTable table(budget, 10);
    const TransactionTable::Claim claim = {
        .handle = *table.Begin("me", 100, 1), .principal = "me", .now = 1};
    EXPECT_TRUE(table.Write(claim, "a", {.value = base::Buffer::Copy(std::string(9'000, 'v'))}));
    const Status full =
        table.Write(claim, "b", {.value = base::Buffer::Copy(std::string(2'000, 'v'))});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().reason(), "MEMORY_LIMIT");
  }
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace prism::models
