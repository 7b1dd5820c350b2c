#include "gateway/admin/config_admin.h"

#include <fmt/format.h>

#include <atomic>
#include <latch>

#include "gateway/admin/operation_admin.h"
#include "gateway/admin/testing/admin_fixture.h"

namespace prism::gateway {
namespace {

namespace v1 = admin::v1;
using testing::ReasonOf;

class ConfigAdminTest : public testing::AdminFixture {
 protected:
  std::vector<sqlite::SchemaPart> Parts() override {
    return {security::AuditPart(), OperationStore::Part()};
  }
  void SetUp() override {
    AdminFixture::SetUp();
    operations_ = std::make_unique<OperationStore>(store_->database(), clock_);
    ASSERT_TRUE(operations_->Start());
    service_ = std::make_unique<ConfigAdminService>(
        ConfigAdminService::Parts{.control = *control_,
                                  .pool = pool_,
                                  .whole_reads = whole_reads_,
                                  .changes = changes_,
                                  .operations = *operations_,
                                  .back_up = [this] { return BackUp(); }});
    waiter_ = std::make_unique<OperationAdminService>(*operations_, pool_, changes_);
  }
  // Waits until the test lets it go on.
  Result<std::string> BackUp() {
    go_on_.wait();
    std::string path = directory_.File("backup.db");
    TRY(store_->database().Backup(path));
    return path;
  }
  Result<v1::ImportConfigResponse> Import(const std::string& yaml, bool replace = false,
                                          std::int64_t revision = 0) {
    v1::ImportConfigRequest request;
    request.set_yaml(yaml);
    request.set_replace(replace);
    request.set_revision(revision);
    return Call(*service_, &ConfigAdminService::Import, request);
  }
  std::string Export(std::int64_t revision = 0) {
    v1::ExportConfigRequest request;
    request.set_revision(revision);
    const auto exported = Call(*service_, &ConfigAdminService::Export, request);
    EXPECT_TRUE(exported) << exported.error().ToString();
    std::string text;
    if (!exported) return text;
    for (const v1::ExportConfigResponse& piece : *exported) {
      EXPECT_LE(piece.yaml().size(), 256u << 10);
      EXPECT_EQ(piece.revision(), exported->front().revision());
      text += piece.yaml();
    }
    return text;
  }

  std::latch go_on_{1};
  std::unique_ptr<OperationStore> operations_;
  std::unique_ptr<ConfigAdminService> service_;
  std::unique_ptr<OperationAdminService> waiter_;
};

TEST_F(ConfigAdminTest, ATextIsMergedOrReplacesEverything) {
  const auto merged = Import("namespaces:\n  - {name: orders, backend: other, tags: [a]}\n");
  ASSERT_TRUE(merged) << merged.error().ToString();
  EXPECT_EQ(merged->revision(), 2);
  EXPECT_EQ(merged->total_size(), 1);
  EXPECT_EQ(merged->differences(0).name(), "orders");
  EXPECT_EQ(merged->differences(0).operation(), "create");
  EXPECT_EQ(merged->differences(0).fields_size(), 2);  // backend and tags, and no defaults
  const std::string before = Export();
  EXPECT_EQ(before,
            "backends:\n  memory:\n    type: memory\n  other:\n    type: memory\n"
            "namespaces:\n  - name: orders\n    backend: other\n    tags: [a]\n");

  const auto changed = Import("namespaces:\n  - {name: orders, backend: other, tags: [b]}\n");
  ASSERT_EQ(changed->differences_size(), 1);
  ASSERT_EQ(changed->differences(0).fields_size(), 1);
  EXPECT_EQ(changed->differences(0).fields(0).field(), "tags");
  EXPECT_EQ(changed->differences(0).fields(0).before(), "[\"a\"]");
  EXPECT_EQ(changed->differences(0).fields(0).after(), "[\"b\"]");

  const auto replaced = Import("namespaces:\n  - {name: users, backend: memory}\n", true);
  ASSERT_TRUE(replaced) << replaced.error().ToString();
  EXPECT_EQ(replaced->total_size(), 3);  // other and orders go, users comes
  EXPECT_EQ(Export(2), before);
  EXPECT_EQ(Import(before, true)->total_size(), 3);
  EXPECT_EQ(Export(), before);
  EXPECT_EQ(Import(before, true)->total_size(), 0);
}

TEST_F(ConfigAdminTest, ManyNamespacesAreExportedInPiecesAndImportedAgain) {
  constexpr int kMany = 3000;
  std::string text = "namespaces:\n";
  for (int i = 0; i < kMany; ++i) {
    text += fmt::format("  - {{name: n{:04}, backend: memory, owner: Zo\xc3\xab {}, tags: [a]}}\n",
                        i, std::string(150, 'x'));
  }
  const auto imported = Import(text);
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->total_size(), kMany);
  const std::string exported = Export();
  EXPECT_GT(exported.size(), std::size_t{kMany} * 200);
  ASSERT_TRUE(Import("namespaces:\n  - {name: only, backend: memory}\n", true));
  const auto again = Import(exported, true);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->total_size(), kMany + 2);  // "only" goes, and a backend comes back
  EXPECT_EQ(Export(), exported);
}

TEST_F(ConfigAdminTest, ATextLargerThanOneMessageComesInPieces) {
  std::vector<v1::ImportConfigRequest> pieces(1);
  pieces.front().set_dry_run(true);
  pieces.front().set_reason("a large one");
  pieces.front().set_yaml("namespaces:\n  - {name: first, back");
  pieces.emplace_back().set_yaml("end: memory}\n");
  for (int i = 0; i < 4; ++i) {
    pieces.emplace_back().set_yaml("#" + std::string(1u << 20, 'x') + "\n");
  }
  pieces.emplace_back().set_yaml("  - {name: last, backend: memory}\n");
  const auto import = [&] { return Call(*service_, &ConfigAdminService::ImportPieces, pieces); };
  const auto planned = import();
  ASSERT_TRUE(planned) << planned.error().ToString();
  EXPECT_EQ(planned->total_size(), 2);
  EXPECT_EQ(Export().find("first"), std::string::npos);
  pieces.front().set_dry_run(false);
  EXPECT_EQ(import()->total_size(), 2);
  EXPECT_NE(Export().find("last"), std::string::npos);
  EXPECT_EQ(Audit(), std::vector<std::string>{"/prism.admin.v1.ConfigAdmin/ImportPieces config"});

  std::vector<v1::DiffConfigRequest> other(2);
  other[0].set_replace(true);
  other[0].set_to_yaml("backends: {other: {type: memory}}\nnamespaces:\n  - {name: first, ");
  other[1].set_to_yaml("backend: other}\n");
  const auto compared = Call(*service_, &ConfigAdminService::DiffPieces, other);
  ASSERT_TRUE(compared) << compared.error().ToString();
  EXPECT_EQ(compared->total_size(), 3);  // first is another one, last goes, and so does memory

  EXPECT_EQ(ReasonOf(Call(*service_, &ConfigAdminService::ImportPieces, pieces, "olga")),
            "ACCESS_DENIED");
  while (pieces.size() < 20) pieces.push_back(pieces[2]);
  EXPECT_EQ(ReasonOf(import()), "CONFIG_TOO_LARGE");
  pieces.clear();
  EXPECT_EQ(ReasonOf(import()), "NOTHING_DECLARED");
}

TEST_F(ConfigAdminTest, BackendsAloneBringNothingElse) {
  const auto merged = Import("backends:\n  cache: {type: redis}\n");
  ASSERT_TRUE(merged) << merged.error().ToString();
  ASSERT_EQ(merged->total_size(), 1);
  EXPECT_EQ(merged->differences(0).kind(), "backend");
}

TEST_F(ConfigAdminTest, EveryMistakeOfATextHasItsPlace) {
  const auto refused = Import(
      "namespaces:\n"
      "  - {name: orders, backend: othre}\n"
      "  - {name: orders, backend: other}\n"
      "  - {name: users, backend: other, rate_limit: 5}\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "CONFIG_INVALID");
  std::vector<std::string> places;
  for (const auto& field : refused.error().fields()) places.push_back(field.field);
  EXPECT_EQ(places, (std::vector<std::string>{"yaml:2:29", "yaml:3:5", "yaml:4:35"}));
  EXPECT_EQ(ReasonOf(Import("server: {shards: 2}\n")), "NOTHING_DECLARED");
  EXPECT_EQ(ReasonOf(Import("backends: {}\n", false, 7)), "REVISION_MISMATCH");
  EXPECT_EQ(ReasonOf(Import(std::string((3u << 20) + 1, ' '))), "CONFIG_TOO_LARGE");
}

TEST_F(ConfigAdminTest, RevisionsAreListedComparedAndRolledBackTo) {
  ASSERT_TRUE(Import("namespaces:\n  - {name: orders, backend: other}\n"));
  ASSERT_TRUE(Import("namespaces:\n  - {name: orders, backend: memory, rate_limit_rps: 5}\n"));
  v1::ListRevisionsRequest list;
  list.set_page_size(2);
  const auto page = Call(*service_, &ConfigAdminService::ListRevisions, list);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->revisions_size(), 2);
  EXPECT_EQ(page->revisions(0).revision(), 3);
  EXPECT_EQ(page->revisions(0).objects(0), "namespace/orders");
  list.set_page_token(page->next_page_token());
  EXPECT_EQ(Call(*service_, &ConfigAdminService::ListRevisions, list)->revisions_size(), 1);

  v1::DiffConfigRequest diff;
  diff.set_from_revision(2);
  const auto compared = Call(*service_, &ConfigAdminService::Diff, diff);
  ASSERT_TRUE(compared) << compared.error().ToString();
  ASSERT_EQ(compared->differences_size(), 1);
  EXPECT_EQ(compared->differences(0).fields_size(), 2);
  EXPECT_EQ(compared->to_revision(), 3);
  diff.set_to_yaml("namespaces: []\n");
  diff.set_replace(true);
  EXPECT_EQ(Call(*service_, &ConfigAdminService::Diff, diff)->total_size(), 3);

  v1::RollBackConfigRequest back;
  back.set_to_revision(2);
  back.set_dry_run(true);
  EXPECT_EQ(Call(*service_, &ConfigAdminService::RollBack, back)->total_size(), 1);
  EXPECT_NE(Export(), Export(2));
  back.set_dry_run(false);
  EXPECT_EQ(Call(*service_, &ConfigAdminService::RollBack, back)->revision(), 4);
  EXPECT_EQ(Export(), Export(2));
  EXPECT_EQ(Audit().front(), "/prism.admin.v1.ConfigAdmin/RollBack config");
  EXPECT_EQ(Audit().size(), 3u);
  back.set_to_revision(99);
  EXPECT_EQ(ReasonOf(Call(*service_, &ConfigAdminService::RollBack, back)), "REVISION_UNKNOWN");
}

TEST_F(ConfigAdminTest, ATamperedHistoryIsAnAnswer) {
  const v1::VerifyHistoryRequest request;
  EXPECT_TRUE(Call(*service_, &ConfigAdminService::VerifyHistory, request)->whole());
  ASSERT_TRUE(sqlite::WriteAndWait(store_->database(), [](sqlite::Connection& connection) {
    return connection.Execute(
        "DROP TRIGGER backend_history_is_final; "
        "UPDATE backend_history SET changed_by = 'mallory' WHERE id = 1");
  }));
  const auto verified = Call(*service_, &ConfigAdminService::VerifyHistory, request);
  ASSERT_TRUE(verified) << verified.error().ToString();
  EXPECT_FALSE(verified->whole());
  EXPECT_NE(verified->problem(), "");
}

TEST_F(ConfigAdminTest, ABackupIsAnOperationThatCanBeWaitedFor) {
  const v1::BackUpConfigRequest request;
  const auto begun = Call(*service_, &ConfigAdminService::BackUp, request);
  ASSERT_TRUE(begun) << begun.error().ToString();
  EXPECT_FALSE(begun->done());
  EXPECT_EQ(ReasonOf(Call(*service_, &ConfigAdminService::BackUp, request)), "BACKUP_RUNNING");
  go_on_.count_down();
  v1::GetOperationRequest wait;
  wait.set_name(begun->name());
  wait.mutable_wait()->set_seconds(600);
  const auto ended = Call(*waiter_, &OperationAdminService::Get, wait);
  ASSERT_TRUE(ended) << ended.error().ToString();
  EXPECT_TRUE(ended->done());
  EXPECT_EQ(ended->error(), "");
  EXPECT_EQ(ended->result(), directory_.File("backup.db"));
  EXPECT_EQ(ended->created_by(), "root");
  EXPECT_EQ(Audit(), std::vector<std::string>{"/prism.admin.v1.ConfigAdmin/BackUp config"});
  const auto all = Call(*waiter_, &OperationAdminService::List, v1::ListOperationsRequest());
  EXPECT_EQ(all->operations_size(), 1);
  wait.set_name("7");
  EXPECT_EQ(ReasonOf(Call(*waiter_, &OperationAdminService::Get, wait)), "OPERATION_NOT_FOUND");
}

TEST_F(ConfigAdminTest, WhatADeadProcessBeganHasFailed) {
  const auto begun = operations_->Begin("config backup", "root");
  ASSERT_TRUE(begun) << begun.error().ToString();
  OperationStore next(store_->database(), clock_);
  ASSERT_TRUE(next.Start());
  const auto found = next.Find(begun->id);
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE((*found)->ended_at.has_value());
  EXPECT_TRUE((*found)->error.starts_with("ABORTED/INTERRUPTED"));
  // Those that ended long ago are forgotten.
  clock_.Advance(OperationStore::kKeepEnded + 1);
  const auto later = next.Begin("config backup", "root");
  ASSERT_TRUE(next.End(later->id, std::string("done")));
  EXPECT_FALSE(next.Find(begun->id)->has_value());
  EXPECT_EQ((*next.Find(later->id))->result, "done");
}

}  // namespace
}  // namespace prism::gateway
