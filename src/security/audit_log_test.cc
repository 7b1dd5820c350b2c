#include "security/audit_log.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <memory>

#include "base/testing/temp_directory.h"
#include "security/token_text.h"
#include "sqlite/executor.h"
#include "sqlite/plain_database.h"

namespace prism::security {
namespace {

constexpr WallMillis kStart = 1'800'000'000'000;

using IdList = std::vector<std::int64_t>;

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() { EXPECT_TRUE(connection_->Execute(AuditPart().steps[0])); }

  static AuditEntry Entry(std::string_view principal, std::string_view object) {
    return {.principal = std::string(principal),
            .proof = "token",
            .token_id = "abcdefghijkl",
            .peer = "127.0.0.1:4711",
            .action = "/prism.admin.v1.NamespaceAdmin/Update",
            .object = std::string(object),
            .code = "OK",
            .reason = "",
            .before = R"({"rate_limit_rps":1})",
            .after = R"({"rate_limit_rps":2})",
            .request_id = "01J"};
  }
  AuditHead Append(const AuditEntry& entry, WallMillis now = kStart) {
    const auto head = AppendAudit(*connection_, entry, now);
    EXPECT_TRUE(head) << head.error().ToString();
    return *head;
  }
  // Five rows, a second apart.
  AuditHead Fill() {
    AuditHead head;
    for (int i = 0; i < 5; ++i) {
      head = Append(Entry(i % 2 == 0 ? "ann" : "bob", "namespace/n" + std::to_string(i)),
                    kStart + i * 1000);
    }
    return head;
  }
  // As somebody would who knows how to drop a trigger.
  void Tamper(std::string_view sql) {
    ASSERT_TRUE(
        connection_->Execute("DROP TRIGGER IF EXISTS audit_log_is_not_changed;"
                             "DROP TRIGGER IF EXISTS audit_log_is_not_shortened"));
    const auto done = connection_->Execute(sql);
    ASSERT_TRUE(done) << done.error().ToString();
  }
  AuditVerdict Verify(const std::optional<AuditHead>& remembered = {}) {
    return *VerifyAudit(*connection_, remembered);
  }
  std::int64_t FaultAt(const std::optional<AuditHead>& remembered = {}) {
    const auto verdict = Verify(remembered);
    if (!verdict.fault) return 0;
    EXPECT_EQ(verdict.fault->id, static_cast<std::int64_t>(verdict.rows) + 1);
    EXPECT_FALSE(verdict.fault->what.empty());
    return verdict.fault->id;
  }
  std::vector<std::int64_t> Ids(const AuditQuery& query) {
    std::vector<std::int64_t> ids;
    for (const auto& record : ListAudit(*connection_, query)->records) ids.push_back(record.id);
    return ids;
  }

  std::unique_ptr<sqlite::Connection> connection_ = *sqlite::Connection::OpenMemory();
};

TEST_F(AuditLogTest, AnEmptyLogIsWhole) {
  EXPECT_EQ(Verify().rows, 0u);
  EXPECT_EQ(Verify().head, AuditHead());
  EXPECT_EQ(FaultAt(), 0);
  EXPECT_EQ(*ReadAuditHead(*connection_), AuditHead());
  EXPECT_TRUE(Ids({}).empty());
}

TEST_F(AuditLogTest, WhatIsAppendedIsListedNewestFirst) {
  const AuditHead head = Fill();
  EXPECT_EQ(head.id, 5);
  EXPECT_EQ(*ReadAuditHead(*connection_), head);
  EXPECT_EQ(Verify(head).rows, 5u);
  EXPECT_EQ(Verify(head).head, head);
  EXPECT_EQ(FaultAt(head), 0);
  const auto page = *ListAudit(*connection_, {});
  ASSERT_EQ(page.records.size(), 5u);
  EXPECT_EQ(page.next, 0);
  const AuditRecord& newest = page.records[0];
  EXPECT_EQ(newest.id, 5);
  EXPECT_EQ(newest.at, kStart + 4000);
  EXPECT_EQ(newest.hash, head.hash);
  EXPECT_EQ(newest.entry.principal, "ann");
  EXPECT_EQ(newest.entry.after, R"({"rate_limit_rps":2})");
  EXPECT_EQ(newest.entry.request_id, "01J");
}

TEST_F(AuditLogTest, AClockThatWasSetBackLeavesTheOrder) {
  Append(Entry("ann", "namespace/a"), kStart);
  Append(Entry("ann", "namespace/b"), kStart - 86'400'000);
  Append(Entry("ann", "namespace/c"), kStart - 86'399'000);
  EXPECT_EQ(FaultAt(), 0);
  EXPECT_EQ(Ids({.ascending = true}), (IdList{1, 2, 3}));
  EXPECT_EQ(Ids({.before = kStart}), (IdList{3, 2}));
}

TEST_F(AuditLogTest, PagesGoOnWhereTheLastOneEnded) {
  Fill();
  AuditQuery query{.limit = 2};
  auto page = *ListAudit(*connection_, query);
  EXPECT_EQ(page.next, 4);
  query.from = page.next;
  Append(Entry("eve", "namespace/new"));  // what comes meanwhile moves nothing
  EXPECT_EQ(Ids(query), (IdList{3, 2}));
  query.from = 2;
  page = *ListAudit(*connection_, query);
  EXPECT_EQ(page.records.size(), 1u);
  EXPECT_EQ(page.next, 0);
  EXPECT_EQ(Ids({.from = 2, .ascending = true, .limit = 2}), (IdList{3, 4}));
}

TEST_F(AuditLogTest, ConditionsNarrow) {
  Fill();
  Append(Entry("ann", "namespace/n1/features"), kStart + 5000);
  Append(Entry("ann", "namespace/n10"), kStart + 6000);
  EXPECT_EQ(Ids({.principal = "bob"}), (IdList{4, 2}));
  EXPECT_EQ(Ids({.principal = "bo"}), IdList{});
  EXPECT_EQ(Ids({.object = "namespace/n1"}), (IdList{6, 2}));
  EXPECT_EQ(Ids({.object = "namespace"}).size(), 7u);
  EXPECT_EQ(Ids({.action = "other"}), IdList{});
  EXPECT_EQ(Ids({.not_before = kStart + 1000, .before = kStart + 3000}), (IdList{3, 2}));
  EXPECT_EQ(Ids({.from = 4, .principal = "bob", .before = kStart + 3000}), (IdList{2}));
}

TEST_F(AuditLogTest, PageSizesHaveBounds) {
  for (const std::size_t limit : {std::size_t{0}, AuditQuery::kMaxRows + 1}) {
    EXPECT_EQ(ListAudit(*connection_, {.limit = limit}).error().reason(), "BAD_PAGE_SIZE");
  }
}

TEST_F(AuditLogTest, TheTableOnlyGrows) {
  Fill();
  EXPECT_FALSE(connection_->Execute("UPDATE audit_log SET principal = 'eve' WHERE id = 2"));
  EXPECT_FALSE(connection_->Execute("DELETE FROM audit_log WHERE id = 2"));
  EXPECT_EQ(FaultAt(), 0);
}

TEST_F(AuditLogTest, EveryChangedValueIsFound) {
  for (const std::string_view change :
       {"at = at + 1", "principal = 'eve'", "proof = ''", "token_id = ''", "peer = ''",
        "action = ''", "object = ''", "code = 'ABORTED'", "reason = 'X'", "before = ''",
        "after = '{}'", "request_id = ''", "hash = ''", "hash = upper(hash)",
        // Moved from one field into the next.
        "proof = 'toke', token_id = 'n' || token_id"}) {
    connection_ = *sqlite::Connection::OpenMemory();
    ASSERT_TRUE(connection_->Execute(AuditPart().steps[0]));
    Fill();
    Tamper("UPDATE audit_log SET " + std::string(change) + " WHERE id = 3");
    EXPECT_EQ(FaultAt(), 3) << change;
  }
}

TEST_F(AuditLogTest, RemovedRowsAreFound) {
  Fill();
  Tamper("DELETE FROM audit_log WHERE id = 3");
  EXPECT_EQ(FaultAt(), 3);
}

TEST_F(AuditLogTest, ARemovedBeginningIsFound) {
  Fill();
  Tamper("DELETE FROM audit_log WHERE id < 3");
  EXPECT_EQ(FaultAt(), 1);
}

TEST_F(AuditLogTest, RowsThatCloseAGapDoNotFit) {
  Fill();
  Tamper("DELETE FROM audit_log WHERE id = 3; UPDATE audit_log SET id = id - 1 WHERE id > 3");
  EXPECT_EQ(FaultAt(), 3);
}

TEST_F(AuditLogTest, ReorderedRowsAreFound) {
  Fill();
  Tamper(
      "UPDATE audit_log SET id = 99 WHERE id = 2; UPDATE audit_log SET id = 2 WHERE id = 3;"
      "UPDATE audit_log SET id = 3 WHERE id = 99");
  EXPECT_EQ(FaultAt(), 2);
}

TEST_F(AuditLogTest, InsertedRowsAreFound) {
  Fill();
  Tamper(
      "UPDATE audit_log SET id = id + 100 WHERE id > 2; UPDATE audit_log SET id = id - 99 WHERE id "
      "> 100; INSERT INTO audit_log SELECT 3, at, 'eve', proof, token_id, peer, action, object, "
      "code, reason, before, after, request_id, hash FROM audit_log WHERE id = 2");
  EXPECT_EQ(FaultAt(), 3);
}

TEST_F(AuditLogTest, ARemovedTailIsFoundByWhoeverRememberedIt) {
  const AuditHead head = Fill();
  Tamper("DELETE FROM audit_log WHERE id > 3");
  EXPECT_EQ(FaultAt(), 0);
  EXPECT_EQ(FaultAt(head), 4);
  // Written over with other rows.
  Append(Entry("eve", "x"));
  Append(Entry("eve", "x"));
  Append(Entry("eve", "x"));
  EXPECT_EQ(FaultAt(), 0);
  EXPECT_EQ(FaultAt(head), 5);
}

TEST_F(AuditLogTest, AChainThatWasWrittenAnewIsFoundByWhoeverRemembered) {
  const AuditHead head = Fill();
  Tamper("DELETE FROM audit_log");
  AuditHead forged;
  for (int i = 0; i < 6; ++i) forged = Append(Entry("eve", "x"));
  EXPECT_EQ(FaultAt(forged), 0);
  EXPECT_EQ(FaultAt(head), 5);
}

TEST_F(AuditLogTest, BeforeAndAfterAreObjects) {
  for (const std::string& text :
       {std::string("text"), std::string("[1]"), std::string("{"), std::string("{\"a\":1}x"),
        std::string("1"), "{\"a\":\"" + std::string(kMaxAuditTextBytes, 'x') + "\"}",
        std::string("{\"a\":\"\xff\"}")}) {
    AuditEntry entry = Entry("ann", "x");
    entry.after = text;
    const auto appended = AppendAudit(*connection_, entry, kStart);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().reason(), "AUDIT_TEXT_INVALID");
    EXPECT_EQ(appended.error().fields().at(0).field, "after");
  }
  AuditEntry entry = Entry("ann", "x");
  entry.before = entry.after = "";
  Append(entry);
  EXPECT_EQ(Ids({}).size(), 1u);
}

TEST_F(AuditLogTest, TokensAreTakenOut) {
  const std::string token = *NewTokenText();
  const std::string secret(ParseToken(token)->secret);
  AuditEntry entry = Entry(token, token);
  entry.reason = "refused " + token;
  entry.after = R"({"token":")" + token + R"("})";
  Append(entry);
  EXPECT_EQ(AuditLine(ListAudit(*connection_, {})->records.at(0)).find(secret), std::string::npos);
  EXPECT_EQ(FaultAt(), 0);
}

TEST_F(AuditLogTest, LinesAreJsonWhateverTheTexts) {
  AuditEntry entry = Entry("an\"n\n", "\xff");
  entry.before = "";
  entry.after = "{\n \"a\": \"b\"\r\n}";
  Append(entry);
  const AuditRecord record = ListAudit(*connection_, {})->records.at(0);
  const std::string line = AuditLine(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\r'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["id"], 1);
  EXPECT_EQ(json["at"], kStart);
  EXPECT_EQ(json["principal"], "an\"n\n");
  EXPECT_EQ(json["after"]["a"], "b");
  EXPECT_FALSE(json.contains("before"));
  EXPECT_EQ(json["hash"], record.hash);
  // Who wrote something else into the row gets it back as text.
  AuditRecord odd = record;
  odd.entry.after = "{\"a\":\n1} \"";
  EXPECT_EQ(nlohmann::json::parse(AuditLine(odd))["after"], odd.entry.after);
}

TEST(AuditExportTest, WritesEveryRowOnceInOrder) {
  const base::testing::TempDirectory directory;
  sqlite::PlainKind kind{{AuditPart()}};
  sqlite::Executor executor;
  const auto database = executor.Make({.path = directory.File("config.db")}, kind, nullptr);
  constexpr int kRows = 2 * static_cast<int>(AuditQuery::kMaxRows) + 7;
  ASSERT_TRUE(sqlite::WriteAndWait(*database, [](sqlite::Connection& connection) -> Status {
    for (int i = 0; i < kRows; ++i) {
      AuditEntry entry;
      entry.principal = "ann";
      TRY(AppendAudit(connection, entry, kStart + i));
    }
    return {};
  }));
  std::vector<std::int64_t> ids;
  const auto collect = [&ids](std::string_view line) -> Status {
    ids.push_back(nlohmann::json::parse(line)["id"]);
    return {};
  };
  ASSERT_TRUE(ExportAudit(*database, 0, collect));
  ASSERT_EQ(ids.size(), static_cast<std::size_t>(kRows));
  for (int i = 0; i < kRows; ++i) EXPECT_EQ(ids[static_cast<std::size_t>(i)], i + 1);
  ids.clear();
  ASSERT_TRUE(ExportAudit(*database, kRows - 3, collect));
  EXPECT_EQ(ids, (std::vector<std::int64_t>{kRows - 2, kRows - 1, kRows}));
  int lines = 0;
  const auto full = [&lines](std::string_view) -> Status {
    if (++lines == 10) return std::unexpected(Error(Code::kUnavailable, "DISK_FULL", ""));
    return {};
  };
  EXPECT_EQ(ExportAudit(*database, 0, full).error().reason(), "DISK_FULL");
  EXPECT_EQ(lines, 10);
}

}  // namespace
}  // namespace prism::security
