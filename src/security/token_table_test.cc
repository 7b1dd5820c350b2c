#include "security/token_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace prism::security {
namespace {

constexpr WallMillis kNow = 1'800'000'000'000;

// A table with one token, and the text of it.
struct OneToken {
  explicit OneToken(std::optional<WallMillis> expires_at = {}, bool damaged = false) {
    std::vector<TokenTable::Row> rows(1);
    rows[0].info.id = ParseToken(text)->id;
    rows[0].info.principal = "ann";
    rows[0].info.expires_at = expires_at;
    rows[0].info.damaged = damaged;
    rows[0].hash = HashSecret(ParseToken(text)->secret);
    table = std::make_unique<TokenTable>(std::move(rows));
  }
  std::string Reason(std::string_view shown, WallMillis now = kNow) const {
    const auto token = table->Verify(shown, now);
    if (token) return "OK";
    EXPECT_EQ(token.error().code(), Code::kUnauthenticated);
    // Nothing of what was sent comes back.
    EXPECT_EQ(token.error().ToString().find("prism_"), std::string::npos);
    if (const auto parts = ParseToken(shown)) {
      EXPECT_EQ(token.error().ToString().find(parts->secret), std::string::npos);
      EXPECT_EQ(token.error().ToString().find(parts->id), std::string::npos);
    }
    return std::string(token.error().reason());
  }

  std::string text = *NewTokenText();
  std::unique_ptr<TokenTable> table;
};

TEST(TokenTableTest, WhoKnowsTheSecretIsTheBearer) {
  const OneToken one;
  const auto token = one.table->Verify(one.text, kNow);
  ASSERT_TRUE(token);
  EXPECT_EQ((*token)->principal, "ann");
}

TEST(TokenTableTest, MalformedAndUnknown) {
  const OneToken one;
  EXPECT_EQ(one.Reason(""), "TOKEN_MALFORMED");
  EXPECT_EQ(one.Reason(one.text.substr(0, 30)), "TOKEN_MALFORMED");
  EXPECT_EQ(one.Reason(*NewTokenText()), "TOKEN_UNKNOWN");
}

TEST(TokenTableTest, AGuessedIdIsNoBetterThanAnotherOne) {
  OneToken one;
  std::vector<TokenTable::Row> rows(1);
  rows[0].info.id = ParseToken(one.text)->id;
  rows[0].info.revoked_at = kNow;
  rows[0].hash = HashSecret(ParseToken(*NewTokenText())->secret);
  one.table = std::make_unique<TokenTable>(std::move(rows));
  EXPECT_EQ(one.Reason(one.text), "TOKEN_UNKNOWN");
  const std::string other = *NewTokenText();
  EXPECT_EQ(one.table->Verify(one.text, kNow).error().ToString(),
            one.table->Verify(other, kNow).error().ToString());
}

TEST(TokenTableTest, ExpiryCountsFromItsFirstMoment) {
  const OneToken one(kNow);
  EXPECT_EQ(one.Reason(one.text, kNow - 1), "OK");
  EXPECT_EQ(one.Reason(one.text, kNow), "TOKEN_EXPIRED");
}

TEST(TokenTableTest, TheNextExpiryIsOfATokenThatCounts) {
  const auto row = [](std::string id, std::optional<WallMillis> expires_at) {
    TokenTable::Row made;
    made.info.id = std::move(id);
    made.info.expires_at = expires_at;
    return made;
  };
  std::vector<TokenTable::Row> rows = {row("a", kNow + 3), row("b", std::nullopt), row("c", kNow),
                                       row("d", kNow + 1), row("e", kNow + 2)};
  rows[3].info.revoked_at = kNow;
  const TokenTable table(std::move(rows));
  EXPECT_EQ(table.NextExpiry(kNow), kNow + 2);
  EXPECT_EQ(table.NextExpiry(kNow + 2), kNow + 3);
  EXPECT_EQ(table.NextExpiry(kNow + 3), std::nullopt);
}

TEST(TokenTableTest, DamagedRowsAreUnknown) {
  const OneToken one({}, true);
  EXPECT_EQ(one.table->damaged(), 1u);
  EXPECT_EQ(one.Reason(one.text), "TOKEN_UNKNOWN");
}

TEST(TokenTableTest, UsesAreNotedToTheHour) {
  const OneToken one;
  EXPECT_TRUE(one.table->NewUses().empty());
  ASSERT_TRUE(one.table->Verify(one.text, kNow + 5));
  ASSERT_TRUE(one.table->Verify(one.text, kNow + 7));
  const auto uses = one.table->NewUses();
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].id, ParseToken(one.text)->id);
  EXPECT_EQ(uses[0].at, kNow - kNow % kTokenUseGrain);
  // A clock that was set back takes nothing back.
  ASSERT_TRUE(one.table->Verify(one.text, kNow - 2 * kTokenUseGrain));
  EXPECT_EQ(one.table->NewUses()[0].at, uses[0].at);
}

TEST(TokenTableTest, ManyThreadsVerifyAtOnce) {
  const OneToken one;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&one, i] {
      for (int j = 0; j < 200; ++j) {
        EXPECT_TRUE(one.table->Verify(one.text, kNow + (i * 200 + j) * kTokenUseGrain));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(one.table->NewUses().size(), 1u);
}

}  // namespace
}  // namespace prism::security
