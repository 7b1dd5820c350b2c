#include "security/token_store.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>
#include <thread>

#include "base/testing/temp_directory.h"
#include "sqlite/executor.h"
#include "sqlite/plain_database.h"

namespace prism::security {
namespace {

constexpr WallMillis kStart = 1'800'000'000'000;

class TokenStoreTest : public ::testing::Test {
 protected:
  TokenStoreTest() { Open(); }

  void Open() {
    store_.reset();
    database_.reset();
    database_ = executor_.Make({.path = path_}, kind_, nullptr);
    ASSERT_TRUE(database_->Open());
    store_ = std::make_unique<TokenStore>(
        *database_, clock_,
        [this](std::shared_ptr<const TokenTable> table) { table_ = std::move(table); });
    ASSERT_TRUE(store_->Start());
  }

  static NewToken Token(std::string_view scope = "orders:read") {
    return {.name = "ci of orders", .principal = "ci@orders", .scope = *TokenScope::Parse(scope)};
  }
  TokenStore::Created Create(const NewToken& token = Token()) {
    auto created = store_->Create(token, "ann");
    EXPECT_TRUE(created) << created.error().ToString();
    return *created;
  }
  std::string ReasonOf(std::string_view text) {
    const auto token = table_->Verify(text, clock_.Now());
    return token ? "OK" : std::string(token.error().reason());
  }
  std::string CreateReason(const NewToken& token) {
    const auto created = store_->Create(token, "ann");
    return created ? "OK" : std::string(created.error().reason());
  }
  // As somebody would with another program.
  void Tamper(std::string_view sql) {
    const auto done = sqlite::WriteAndWait(
        *database_, [sql](sqlite::Connection& connection) { return connection.Execute(sql); });
    ASSERT_TRUE(done) << done.error().ToString();
  }

  base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("config.db");
  ManualClock clock_{kStart};
  std::shared_ptr<const TokenTable> table_;
  std::unique_ptr<TokenStore> store_;
  sqlite::PlainKind kind_{{TokenStore::Part()}};
  sqlite::Executor executor_;
  std::unique_ptr<sqlite::Database> database_;
};

TEST_F(TokenStoreTest, WhatIsCreatedCountsAtOnceAndAfterARestart) {
  const auto created = Create();
  EXPECT_EQ(ReasonOf(created.text), "OK");
  const auto token = table_->Verify(created.text, clock_.Now());
  EXPECT_EQ((*token)->principal, "ci@orders");
  EXPECT_EQ((*token)->scope.ToString(), "orders:read");
  Open();
  EXPECT_EQ(ReasonOf(created.text), "OK");
}

TEST_F(TokenStoreTest, ListHasEverythingButSecrets) {
  const auto first = Create();
  clock_.Advance(10);
  NewToken second = Token("admin");
  second.expires_at = kStart + 1000;
  Create(second);
  const auto tokens = *store_->List();
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[1].id, first.info.id);
  EXPECT_EQ(tokens[1].name, "ci of orders");
  EXPECT_EQ(tokens[1].created_at, kStart);
  EXPECT_EQ(tokens[1].created_by, "ann");
  EXPECT_FALSE(tokens[1].expires_at);
  EXPECT_FALSE(tokens[1].last_used_at);
  EXPECT_FALSE(tokens[1].damaged);
  EXPECT_EQ(tokens[0].expires_at, kStart + 1000);
  EXPECT_TRUE(tokens[0].scope.server_admin());
}

TEST_F(TokenStoreTest, WhatIsKnownOfATokenIsJsonWithoutSecrets) {
  NewToken token = Token();
  token.name = "a \"quoted\" name";
  token.expires_at = kStart + 1000;
  const auto created = Create(token);
  const auto json = nlohmann::json::parse(TokenJson(created.info));
  EXPECT_EQ(json["id"], created.info.id);
  EXPECT_EQ(json["name"], token.name);
  EXPECT_EQ(json["scope"], "orders:read");
  EXPECT_EQ(json["expires_at"], kStart + 1000);
  EXPECT_FALSE(json.contains("revoked_at"));
  const std::string secret(ParseToken(created.text)->secret);
  EXPECT_EQ(json.dump().find(secret), std::string::npos);
  EXPECT_EQ(json.dump().find(HexOf(HashSecret(secret))), std::string::npos);
  const auto revoked = store_->Revoke(created.info.id, "bob");
  EXPECT_EQ(nlohmann::json::parse(TokenJson(*revoked))["revoked_by"], "bob");
}

TEST_F(TokenStoreTest, NoFileHasTheSecret) {
  const auto created = Create();
  const std::string secret(ParseToken(created.text)->secret);
  for (const std::string& file : {path_, path_ + "-wal"}) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bytes.find(secret), std::string::npos) << file;
  }
}

TEST_F(TokenStoreTest, RevokedTokensCountNoMore) {
  const auto created = Create();
  const auto other = Create();
  clock_.Advance(5);
  const auto revoked = store_->Revoke(created.info.id, "bob");
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->revoked_at, kStart + 5);
  EXPECT_EQ(revoked->revoked_by, "bob");
  EXPECT_EQ(ReasonOf(created.text), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonOf(other.text), "OK");
  clock_.Advance(5);
  const auto again = store_->Revoke(created.info.id, "eve");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revoked_at, kStart + 5);
  EXPECT_EQ(again->revoked_by, "bob");
  Open();
  EXPECT_EQ(ReasonOf(created.text), "TOKEN_REVOKED");
}

TEST_F(TokenStoreTest, ExpiredTokensCountNoMore) {
  NewToken token = Token();
  token.expires_at = kStart + 1000;
  const auto created = Create(token);
  EXPECT_EQ(ReasonOf(created.text), "OK");
  clock_.Advance(1000);
  EXPECT_EQ(ReasonOf(created.text), "TOKEN_EXPIRED");
}

TEST_F(TokenStoreTest, RefusesWhatMakesNoSense) {
  NewToken token = Token();
  token.expires_at = kStart;
  EXPECT_EQ(CreateReason(token), "EXPIRY_PASSED");
  token = Token();
  token.scope = {};
  EXPECT_EQ(CreateReason(token), "BAD_SCOPE");
  for (const std::string& name :
       {std::string(), std::string("two\nlines"), std::string("\xff"), std::string(129, 'x')}) {
    token = Token();
    token.name = name;
    EXPECT_EQ(CreateReason(token), "BAD_TOKEN_NAME");
  }
  // Nobody becomes another kind of identity by a token.
  for (const std::string& principal :
       {std::string(), std::string("unix:root"), std::string("spiffe://a/b"),
        std::string("x509:CN=ann"), std::string("anonymous"), std::string("*"), std::string("a b"),
        std::string("-a"), std::string(129, 'x')}) {
    token = Token();
    token.principal = principal;
    EXPECT_EQ(CreateReason(token), "BAD_PRINCIPAL") << principal;
  }
  EXPECT_TRUE(store_->List()->empty());
}

TEST_F(TokenStoreTest, RevokingWhatIsNotThereIsAnError) {
  EXPECT_EQ(store_->Revoke("000000000000", "ann").error().reason(), "TOKEN_NOT_FOUND");
  EXPECT_EQ(store_->Revoke("", "ann").error().reason(), "TOKEN_NOT_FOUND");
}

TEST_F(TokenStoreTest, TamperedRowsAreRefused) {
  for (const std::string_view sql :
       {"UPDATE api_tokens SET scope = 'admin'", "UPDATE api_tokens SET scope = 'nonsense'",
        "UPDATE api_tokens SET principal = 'root'", "UPDATE api_tokens SET name = 'other'",
        "UPDATE api_tokens SET created_by = 'other'", "UPDATE api_tokens SET created_at = 1",
        "UPDATE api_tokens SET expires_at = NULL", "UPDATE api_tokens SET revoked_at = 1",
        "UPDATE api_tokens SET revoked_by = 'eve'", "UPDATE api_tokens SET checksum = ''",
        "UPDATE api_tokens SET secret_sha256 = 'short'",
        "UPDATE api_tokens SET secret_sha256 = printf('%064d', 0)"}) {
    NewToken token = Token();
    token.expires_at = kStart + 1000;
    const auto created = Create(token);
    Tamper(sql);
    Open();
    EXPECT_EQ(ReasonOf(created.text), "TOKEN_UNKNOWN") << sql;
    EXPECT_GE(table_->damaged(), 1u) << sql;
    EXPECT_TRUE(store_->List()->at(0).damaged) << sql;
    EXPECT_EQ(store_->Revoke(created.info.id, "ann").error().reason(), "TOKEN_DAMAGED") << sql;
    Tamper("DELETE FROM api_tokens");
  }
}

TEST_F(TokenStoreTest, ARevocationThatWasUndoneByHandIsNotBelieved) {
  const auto created = Create();
  ASSERT_TRUE(store_->Revoke(created.info.id, "ann"));
  Tamper("UPDATE api_tokens SET revoked_at = NULL, revoked_by = ''");
  Open();
  EXPECT_EQ(ReasonOf(created.text), "TOKEN_UNKNOWN");
}

TEST_F(TokenStoreTest, RecoveryMakesAnAdministrator) {
  const auto recovered = store_->Recover("unix:root");
  ASSERT_TRUE(recovered);
  EXPECT_TRUE((*table_->Verify(recovered->text, clock_.Now()))->scope.server_admin());
  EXPECT_EQ(store_->List()->at(0).created_by, "unix:root");
}

TEST_F(TokenStoreTest, WhatGoesWithAChangeIsOneWithIt) {
  const auto refuse = [](sqlite::Connection&, const TokenInfo&) -> Status {
    return std::unexpected(Error(Code::kInternal, "NOT_RECORDED", ""));
  };
  EXPECT_EQ(store_->Create(Token(), "ann", refuse).error().reason(), "NOT_RECORDED");
  EXPECT_TRUE(store_->List()->empty());
  const auto created = Create();
  EXPECT_EQ(store_->Revoke(created.info.id, "ann", refuse).error().reason(), "NOT_RECORDED");
  EXPECT_EQ(ReasonOf(created.text), "OK");
  EXPECT_FALSE(store_->List()->at(0).revoked_at);
}

TEST_F(TokenStoreTest, UsesAreSavedAndSurvive) {
  const auto created = Create();
  ASSERT_TRUE(table_->Verify(created.text, clock_.Now()));
  ASSERT_TRUE(store_->SaveUses(*table_));
  const WallMillis hour = kStart - kStart % kTokenUseGrain;
  EXPECT_EQ(store_->List()->at(0).last_used_at, hour);
  // An older table takes nothing back.
  const auto old = table_;
  clock_.Advance(2 * kTokenUseGrain);
  Open();
  ASSERT_TRUE(table_->Verify(created.text, clock_.Now()));
  ASSERT_TRUE(store_->SaveUses(*table_));
  ASSERT_TRUE(store_->SaveUses(*old));
  EXPECT_EQ(store_->List()->at(0).last_used_at, hour + 2 * kTokenUseGrain);
  EXPECT_EQ(ReasonOf(created.text), "OK");
}

TEST_F(TokenStoreTest, WhatEndedLongAgoIsForgotten) {
  const auto revoked = Create();
  ASSERT_TRUE(store_->Revoke(revoked.info.id, "ann"));
  NewToken token = Token();
  token.expires_at = kStart + 1000;
  Create(token);
  const auto living = Create();
  clock_.Advance(TokenStore::kKeepEnded + 1001);
  const auto newest = Create();
  const auto tokens = *store_->List();
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].id, newest.info.id);
  EXPECT_EQ(tokens[1].id, living.info.id);
}

TEST_F(TokenStoreTest, ThereIsALimit) {
  const auto created = Create();
  Tamper(
      "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
      "INSERT INTO api_tokens SELECT i, name, principal, scope, secret_sha256, created_at, "
      "created_by, expires_at, revoked_at, revoked_by, checksum FROM api_tokens, n");
  EXPECT_EQ(CreateReason(Token()), "TOO_MANY_TOKENS");
  EXPECT_TRUE(store_->Revoke(created.info.id, "ann"));
}

TEST_F(TokenStoreTest, ConcurrentChangesAreAllInForce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 10; ++j) {
        const auto created = store_->Create(Token(), "ann");
        ASSERT_TRUE(created);
        if (j % 2 == 0) ASSERT_TRUE(store_->Revoke(created->info.id, "ann"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table_->size(), 40u);
  Open();
  EXPECT_EQ(table_->size(), 40u);
}

}  // namespace
}  // namespace prism::security
