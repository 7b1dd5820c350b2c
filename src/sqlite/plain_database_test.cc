#include "sqlite/plain_database.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "base/testing/temp_directory.h"
#include "sqlite/executor.h"

namespace prism::sqlite {
namespace {

constexpr std::array<std::string_view, 1> kSteps = {"CREATE TABLE words(word TEXT PRIMARY KEY)"};

Status Insert(Connection& connection, std::string_view word) {
  TRY_ASSIGN(Statement insert, connection.Prepare("INSERT INTO words(word) VALUES(?1)"));
  return insert.Text(1, word).Run();
}
Result<std::int64_t> Count(Connection& connection) {
  return connection.QueryInt("SELECT count(*) FROM words");
}

class PlainDatabaseTest : public ::testing::Test {
 protected:
  base::testing::TempDirectory directory_;
  int commits_ = 0;
  PlainKind kind_{{{"words", kSteps}}, [this](Connection&) { ++commits_; }};
  Executor executor_;
  std::unique_ptr<Database> database_ =
      executor_.Make({.path = directory_.File("words.db")}, kind_, nullptr);
};

TEST_F(PlainDatabaseTest, WhatWasWrittenIsRead) {
  EXPECT_EQ(*ReadAndWait(*database_, Count), 0);
  EXPECT_TRUE(WriteAndWait(*database_, [](Connection& db) { return Insert(db, "a"); }));
  EXPECT_EQ(*ReadAndWait(*database_, Count), 1);
  EXPECT_EQ(commits_, 1);
}

TEST_F(PlainDatabaseTest, AnErrorTakesBackWhatTheWorkDid) {
  const auto failed = WriteAndWait(*database_, [](Connection& db) -> Status {
    TRY(Insert(db, "a"));
    return std::unexpected(Error(Code::kAborted, "THOUGHT_BETTER", ""));
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().reason(), "THOUGHT_BETTER");
  EXPECT_EQ(*ReadAndWait(*database_, Count), 0);
}

TEST_F(PlainDatabaseTest, ErrorsOfOneLeaveOthersOfTheBatchAlone) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 50; ++j) {
        const bool fails = j % 2 == 0;
        const auto done = WriteAndWait(*database_, [&](Connection& db) -> Status {
          TRY(Insert(db, std::to_string(i) + "." + std::to_string(j)));
          if (fails) return std::unexpected(Error(Code::kAborted, "NO", ""));
          return {};
        });
        EXPECT_EQ(done.has_value(), !fails);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*ReadAndWait(*database_, Count), 8 * 25);
}

TEST_F(PlainDatabaseTest, ReadsThatComeTogetherAreAnswered) {
  ASSERT_TRUE(WriteAndWait(*database_, [](Connection& db) { return Insert(db, "a"); }));
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 50; ++j) {
        const auto count = ReadAndWait(*database_, Count);
        EXPECT_TRUE(count) << count.error().ToString();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PlainDatabaseTest, AnswersWhenItIsClosed) {
  database_->Close();
  EXPECT_EQ(
      WriteAndWait(*database_, [](Connection& db) { return Insert(db, "a"); }).error().reason(),
      "STORE_CLOSED");
  EXPECT_EQ(ReadAndWait(*database_, Count).error().reason(), "STORE_CLOSED");
}

}  // namespace
}  // namespace prism::sqlite
