#include "gateway/admin/branch_admin.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/admin/operation_admin.h"
#include "gateway/admin/testing/admin_store.h"
#include "runtime/wait.h"

namespace prism::gateway {
namespace {

namespace pb = prism::admin::v1;
using runtime::Task;
using testing::AdminStoreTest;
using testing::FakeCall;
using testing::kRita;
using testing::kStart;
using testing::kZoe;

// Branches that are nothing but their descriptions.
class FakeControl final : public BranchControl {
 public:
  Result<std::vector<BranchInfo>> List() override {
    std::vector<BranchInfo> list;
    for (const auto& [name, branch] : branches) list.push_back(branch);
    return list;
  }
  Result<BranchInfo> Get(const std::string& name) override {
    const auto found = branches.find(name);
    if (found == branches.end()) {
      return std::unexpected(Error(Code::kNotFound, "BRANCH_NOT_FOUND", "it is not there"));
    }
    return found->second;
  }
  Result<std::string> ReadLog(const std::string& name, std::size_t bytes) override {
    return name + " " + std::to_string(bytes) + log;
  }
  std::string Progress(const std::string& name) override { return "3 files of " + name; }
  Task<Result<BranchInfo>> Create(BranchWish wish) override {
    if (held_up) {
      branches[wish.name].name = wish.name;
      branches[wish.name].state = pb::Branch::MAKING;
      co_await held_up->For();
      branches.erase(wish.name);
      if (failure) co_return std::unexpected(*failure);
    }
    const std::string name = wish.name;
    BranchInfo branch;
    branch.name = name;
    branch.label = "Label of " + name;
    if (wish.ttl) branch.expires_at = kStart + wish.ttl->count();
    branch.parent = wish.from.empty() ? "source" : wish.from;
    branch.as_of = kStart - 5000;
    branch.state = pb::Branch::STOPPED;
    branch.created_at = kStart;
    branch.created_by = std::move(wish.by);
    branch.last_activity = kStart;
    const auto [at, made] = branches.emplace(name, branch);
    if (!made) {
      co_return std::unexpected(Error(Code::kAlreadyExists, "BRANCH_EXISTS", "it is there"));
    }
    co_return at->second;
  }
  Task<Result<BranchInfo>> Delete(std::string name, BranchDeletion how) override {
    BranchInfo& branch = branches.at(name);
    if (branch.connections > 0 && !how.force) {
      co_return std::unexpected(Error(Code::kFailedPrecondition, "BRANCH_IN_USE", "force it"));
    }
    if (name == "parent" && !how.recursive) {
      co_return std::unexpected(
          Error(Code::kFailedPrecondition, "BRANCH_HAS_CHILDREN", "recursive"));
    }
    branch.connections = 0;
    branch.state = pb::Branch::DELETED;
    branch.deleted_at = kStart + 1000;
    branch.remove_at = kStart + 2000;
    const BranchInfo deleted = branch;
    if (how.purge) branches.erase(name);
    co_return deleted;
  }
  Task<Result<BranchInfo>> Stop(std::string name, bool force) override {
    BranchInfo& branch = branches.at(name);
    if (branch.connections > 0 && !force) {
      co_return std::unexpected(Error(Code::kFailedPrecondition, "BRANCH_IN_USE", "force it"));
    }
    branch.connections = 0;
    branch.state = pb::Branch::STOPPED;
    co_return branch;
  }
  Task<Result<BranchInfo>> Undelete(std::string name) override {
    BranchInfo& branch = branches.at(name);
    if (!branch.deleted_at) {
      co_return std::unexpected(
          Error(Code::kFailedPrecondition, "BRANCH_NOT_DELETED", "it is not deleted"));
    }
    branch.state = pb::Branch::STOPPED;
    branch.deleted_at.reset();
    branch.remove_at.reset();
    co_return branch;
  }
  Task<Result<BranchInfo>> Update(std::string name, BranchEdit edit) override {
    BranchInfo& branch = branches.at(name);
    branch.is_protected = edit.is_protected.value_or(branch.is_protected);
    if (edit.ttl) branch.expires_at.reset();
    if (edit.ttl && *edit.ttl) branch.expires_at = kStart + (*edit.ttl)->count();
    co_return branch;
  }
  Result<std::vector<SnapshotInfo>> ListSnapshots(const std::string& name) override {
    return snapshots[name];
  }
  Task<Result<SnapshotInfo>> CreateSnapshot(std::string name, std::string snapshot) override {
    if (held_up) co_await held_up->For();
    co_return snapshots[name].emplace_back(SnapshotInfo{.name = snapshot,
                                                        .created_at = kStart,
                                                        .is_automatic = false,
                                                        .checkpoint_lsn = "0/1500028",
                                                        .timeline = 3,
                                                        .system_identifier = "7301",
                                                        .postgres_version = 15});
  }
  Task<Result<SnapshotInfo>> DeleteSnapshot(std::string name, std::string snapshot) override {
    if (snapshots[name].empty() || snapshots[name].back().name != snapshot) {
      co_return std::unexpected(Error(Code::kNotFound, "SNAPSHOT_NOT_FOUND", "it is not there"));
    }
    SnapshotInfo gone = snapshots[name].back();
    snapshots[name].pop_back();
    co_return gone;
  }
  Task<Result<BranchInfo>> Reset(std::string name, bool force) override {
    co_return co_await Restore(std::move(name), "", force);
  }
  Task<Result<BranchInfo>> Restore(std::string name, std::string snapshot, bool force) override {
    if (held_up) co_await held_up->For();
    BranchInfo& branch = branches.at(name);
    if (!force)
      co_return std::unexpected(Error(Code::kFailedPrecondition, "BRANCH_IN_USE", "force"));
    branch.as_of = snapshot.empty() ? kStart + 7000 : kStart - 7000;
    co_return branch;
  }
  Task<Result<BranchInfo>> Rename(std::string name, std::string to) override {
    auto node = branches.extract(name);
    node.key() = node.mapped().name = to;
    co_return branches.insert(std::move(node)).position->second;
  }

  Result<std::vector<SourceInfo>> ListSources() override {
    std::vector<SourceInfo> list;
    for (const auto& [name, source] : sources) list.push_back(source);
    return list;
  }
  Task<Result<SourceInfo>> AddSource(SourceWish wish) override {
    if (held_up) co_await held_up->For();
    password = wish.password;
    SourceInfo source{.name = wish.name,
                      .kind = wish.kind,
                      .path = wish.path,
                      .roles = wish.roles,
                      .state = pb::BranchSource::READY,
                      .generation = GenerationInfo{.created_at = kStart,
                                                   .checkpoint_lsn = "0/1500028",
                                                   .postgres_version = 15,
                                                   .size_bytes = 4096,
                                                   .timeline = 3,
                                                   .system_identifier = "7439"},
                      .created_at = kStart,
                      .created_by = wish.by};
    co_return sources[wish.name] = source;
  }
  Task<Result<SourceInfo>> RefreshSource(std::string name) override {
    if (held_up) co_await held_up->For();
    SourceInfo& source = sources.at(name);
    source.generation->created_at += 1000;
    co_return source;
  }
  Task<Result<SourceInfo>> RemoveSource(std::string name, bool force) override {
    if (!force) {
      co_return std::unexpected(Error(Code::kFailedPrecondition, "SOURCE_IN_USE", "force"));
    }
    SourceInfo gone = sources.at(name);
    sources.erase(name);
    co_return gone;
  }

  std::unique_ptr<runtime::Event> held_up;  // whatever copies waits for it
  std::optional<Error> failure;             // of what was held up
  std::string log;
  std::string password;  // of the source that was added last
  std::map<std::string, SourceInfo> sources;
  std::map<std::string, std::vector<SnapshotInfo>> snapshots;
  std::map<std::string, BranchInfo> branches;
};

class BranchAdminTest : public AdminStoreTest {
 protected:
  void SetUp() override {
    AdminStoreTest::SetUp();
    operations_ = std::make_unique<OperationStore>(store_->database(), clock_);
    ASSERT_TRUE(operations_->Start());
    UseControl(&control_);
  }
  std::vector<sqlite::SchemaPart> MoreParts() override { return {OperationStore::Part()}; }
  // Work that takes longer than `moment` is an operation.
  void UseControl(BranchControl* control, MonoNanos moment = BranchOperations::kMoment) {
    service_ = std::make_unique<BranchAdminService>(
        BranchAdminService::Parts{.control = control,
                                  .pool = pool_,
                                  .database = store_->database(),
                                  .clock = clock_,
                                  .shards = shards_,
                                  .operations = *operations_,
                                  .changes = changes_,
                                  .moment = moment});
  }
  std::unique_ptr<FakeCall> Run(std::string_view method, const google::protobuf::Message& request,
                                std::string_view who = kZoe) {
    return Call(*service_, "/prism.admin.v1.BranchAdmin/" + std::string(method), request, who);
  }
  template <class Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }
  // Of the branch x.
  template <class Request>
  static Request OfSnapshot(const std::string& snapshot) {
    auto request = Named<Request>("x");
    request.set_snapshot(snapshot);
    return request;
  }
  static pb::RenameBranchRequest Renaming(const std::string& name, const std::string& to) {
    auto request = Named<pb::RenameBranchRequest>(name);
    request.set_new_name(to);
    return request;
  }
  static pb::AddBranchSourceRequest Adding(const std::string& name, const std::string& path) {
    auto request = Named<pb::AddBranchSourceRequest>(name);
    request.set_path(path);
    return request;
  }
  pb::Branch Create(const std::string& name) {
    return Answer<pb::Branch>(*Run("Create", Named<pb::CreateBranchRequest>(name)));
  }
  pb::ListBranchesResponse List(int page_size, const std::string& page_token = "") {
    pb::ListBranchesRequest request;
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    return Answer<pb::ListBranchesResponse>(*Run("List", request));
  }
  // The reason why each method refuses `who`.
  std::vector<std::string> Refusals(std::string_view who) {
    std::vector<std::string> reasons;
    for (const auto& call : {Run("List", pb::ListBranchesRequest(), who),
                             Run("Get", Named<pb::GetBranchRequest>("x"), who),
                             Run("ReadLog", Named<pb::ReadBranchLogRequest>("x"), who),
                             Run("Create", Named<pb::CreateBranchRequest>("x"), who),
                             Run("Delete", Named<pb::DeleteBranchRequest>("x"), who),
                             Run("Undelete", Named<pb::UndeleteBranchRequest>("x"), who),
                             Run("Update", Named<pb::UpdateBranchRequest>("x"), who),
                             Run("Rename", Renaming("x", "y"), who),
                             Run("CreateSnapshot", Named<pb::CreateSnapshotRequest>("x"), who),
                             Run("ListSnapshots", Named<pb::ListSnapshotsRequest>("x"), who),
                             Run("DeleteSnapshot", OfSnapshot<pb::DeleteSnapshotRequest>("y"), who),
                             Run("Reset", Named<pb::ResetBranchRequest>("x"), who),
                             Run("ListSources", pb::ListBranchSourcesRequest(), who),
                             Run("AddSource", Adding("x", "/srv/x"), who),
                             Run("RefreshSource", Named<pb::RefreshBranchSourceRequest>("x"), who),
                             Run("RemoveSource", Named<pb::RemoveBranchSourceRequest>("x"), who),
                             Run("Restore", OfSnapshot<pb::RestoreBranchRequest>("y"), who)}) {
      reasons.emplace_back(call->error ? call->error->reason() : "none");
    }
    return reasons;
  }

  // What is known of the only operation.
  OperationRecord Operation() {
    const auto all = operations_->List(0, 10);
    EXPECT_TRUE(all && all->size() == 1) << (all ? all->size() : 0);
    return all && all->size() == 1 ? all->front() : OperationRecord();
  }
  pb::Operation AskFor(const std::string& operation, bool wait) {
    pb::GetOperationRequest request;
    request.set_name(operation);
    if (wait) request.mutable_wait()->set_seconds(60);
    OperationAdminService service(*operations_, pool_, changes_, [this](const auto& record) {
      return ProgressOf(&control_, record);
    });
    return Answer<pb::Operation>(*Call(service, "/prism.admin.v1.OperationAdmin/Get", request));
  }
  // What is asked for takes until LetGo from here on.
  void HoldUp() {
    UseControl(&control_, kNanosPerMilli);
    control_.held_up = std::make_unique<runtime::Event>(shards_.at(0));
  }
  void LetGo() {
    shards_.at(0).Post([this] { control_.held_up->Set(); });
  }
  static pb::CreateBranchRequest InBackground(const std::string& name) {
    auto request = Named<pb::CreateBranchRequest>(name);
    request.set_background(true);
    return request;
  }

  FakeControl control_;
  ConfigChanges changes_{shards_};
  std::unique_ptr<OperationStore> operations_;
  std::unique_ptr<BranchAdminService> service_;
};

TEST_F(BranchAdminTest, TellsAllOfABranch) {
  const auto made = Create("feature");
  EXPECT_EQ(made.name(), "feature");
  EXPECT_EQ(made.label(), "Label of feature");
  EXPECT_EQ(made.parent(), "source");
  EXPECT_EQ(made.as_of().seconds(), kStart / 1000 - 5);
  EXPECT_EQ(made.state(), pb::Branch::STOPPED);
  EXPECT_EQ(made.create_time().seconds(), kStart / 1000);
  EXPECT_EQ(made.created_by(), kZoe);
  EXPECT_FALSE(made.has_delete_time());
  EXPECT_FALSE(made.has_remove_time());
  control_.branches.at("feature").connections = 3;
  const auto got = Answer<pb::Branch>(*Run("Get", Named<pb::GetBranchRequest>("feature")));
  EXPECT_EQ(got.connections(), 3);
  EXPECT_EQ(Run("Get", Named<pb::GetBranchRequest>("other"))->error->reason(), "BRANCH_NOT_FOUND");
}

TEST_F(BranchAdminTest, DeletesOnceAndTakesBack) {
  Create("feature");
  auto request = Named<pb::DeleteBranchRequest>("feature");
  control_.branches.at("feature").connections = 1;
  EXPECT_EQ(Run("Delete", request)->error->reason(), "BRANCH_IN_USE");
  request.set_force(true);
  const auto deleted = Answer<pb::Branch>(*Run("Delete", request));
  EXPECT_EQ(deleted.state(), pb::Branch::DELETED);
  EXPECT_EQ(deleted.delete_time().seconds(), kStart / 1000 + 1);
  EXPECT_EQ(deleted.remove_time().seconds(), kStart / 1000 + 2);
  EXPECT_EQ(Answer<pb::Branch>(*Run("Delete", request)).state(), pb::Branch::DELETED);
  EXPECT_EQ(Audit().size(), 2u);  // once more changes nothing
  const auto undelete = Named<pb::UndeleteBranchRequest>("feature");
  const auto back = Answer<pb::Branch>(*Run("Undelete", undelete));
  EXPECT_EQ(back.state(), pb::Branch::STOPPED);
  EXPECT_FALSE(back.has_delete_time());
  EXPECT_EQ(Run("Undelete", undelete)->error->reason(), "BRANCH_NOT_DELETED");
}

TEST_F(BranchAdminTest, ChangesTheSettingsThatAreNamed) {
  auto wish = Named<pb::CreateBranchRequest>("feature");
  wish.mutable_ttl()->set_seconds(3600);
  const auto made = Answer<pb::Branch>(*Run("Create", wish));
  EXPECT_EQ(made.expire_time().seconds(), kStart / 1000 + 3600);
  auto request = Named<pb::UpdateBranchRequest>("feature");
  request.mutable_settings()->set_protected_(true);
  auto changed = Answer<pb::Branch>(*Run("Update", request));
  EXPECT_TRUE(changed.protected_());
  EXPECT_TRUE(changed.has_expire_time());  // not named
  request.mutable_settings()->set_protected_(false);
  request.mutable_update_mask()->add_paths("ttl");
  changed = Answer<pb::Branch>(*Run("Update", request));
  EXPECT_TRUE(changed.protected_());
  EXPECT_FALSE(changed.has_expire_time());
  request.mutable_update_mask()->set_paths(0, "*");
  request.mutable_settings()->mutable_ttl()->set_seconds(60);
  changed = Answer<pb::Branch>(*Run("Update", request));
  EXPECT_FALSE(changed.protected_());
  EXPECT_EQ(changed.expire_time().seconds(), kStart / 1000 + 60);
  EXPECT_EQ(Audit().size(), 4u);
}

TEST_F(BranchAdminTest, RefusesSettingsThatAreNone) {
  Create("feature");
  auto request = Named<pb::UpdateBranchRequest>("feature");
  for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{1} << 40}) {
    request.mutable_settings()->mutable_ttl()->set_seconds(seconds);
    EXPECT_EQ(Run("Update", request)->error->reason(), "EXPIRY_INVALID") << seconds;
    auto wish = Named<pb::CreateBranchRequest>("other");
    wish.mutable_ttl()->set_seconds(seconds);
    EXPECT_EQ(Run("Create", wish)->error->reason(), "EXPIRY_INVALID") << seconds;
  }
  request.mutable_update_mask()->add_paths("name");
  EXPECT_EQ(Run("Update", request)->error->reason(), "FIELD_UNKNOWN");
  EXPECT_EQ(Audit().size(), 1u);
}

TEST_F(BranchAdminTest, RenamesAndTellsTheAuditBothNames) {
  Create("feature");
  const auto renamed = Answer<pb::Branch>(*Run("Rename", Renaming("feature", "checkout")));
  EXPECT_EQ(renamed.name(), "checkout");
  const security::AuditEntry entry = Audit().at(1).entry;
  EXPECT_EQ(entry.object, "branch/checkout");
  EXPECT_NE(entry.before.find(R"("name":"feature")"), std::string::npos);
}

TEST_F(BranchAdminTest, PassesOnWhatToMakeItOfAndWhatGoesWithIt) {
  auto wish = Named<pb::CreateBranchRequest>("parent");
  wish.set_from("other");
  EXPECT_EQ(Answer<pb::Branch>(*Run("Create", wish)).parent(), "other");
  auto request = Named<pb::DeleteBranchRequest>("parent");
  EXPECT_EQ(Run("Delete", request)->error->reason(), "BRANCH_HAS_CHILDREN");
  request.set_recursive(true);
  EXPECT_EQ(Answer<pb::Branch>(*Run("Delete", request)).state(), pb::Branch::DELETED);
  request.set_purge(true);
  Answer<pb::Branch>(*Run("Delete", request));
  EXPECT_FALSE(control_.branches.contains("parent"));
  EXPECT_TRUE(Audit().at(2).entry.after.ends_with(R"("recursive":true,"purge":true})"));
}

TEST_F(BranchAdminTest, TakesListsAndRemovesSnapshots) {
  Create("x");
  const auto taken =
      Answer<pb::Snapshot>(*Run("CreateSnapshot", OfSnapshot<pb::CreateSnapshotRequest>("first")));
  EXPECT_EQ(taken.name(), "first");
  EXPECT_EQ(taken.create_time().seconds(), kStart / 1000);
  EXPECT_EQ(taken.checkpoint_lsn(), "0/1500028");
  EXPECT_EQ(taken.timeline(), 3);
  EXPECT_EQ(taken.system_identifier(), "7301");
  EXPECT_EQ(taken.postgres_version(), 15);
  const auto list = Answer<pb::ListSnapshotsResponse>(
      *Run("ListSnapshots", Named<pb::ListSnapshotsRequest>("x")));
  ASSERT_EQ(list.snapshots_size(), 1);
  EXPECT_EQ(list.snapshots(0).name(), "first");
  const auto removal = OfSnapshot<pb::DeleteSnapshotRequest>("first");
  EXPECT_EQ(Answer<pb::Snapshot>(*Run("DeleteSnapshot", removal)).name(), "first");
  EXPECT_EQ(Run("DeleteSnapshot", removal)->error->reason(), "SNAPSHOT_NOT_FOUND");
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 3u);
  EXPECT_EQ(audit[1].entry.object, "branch/x");
  EXPECT_NE(audit[1].entry.after.find(R"("snapshot":"first")"), std::string::npos);
  EXPECT_NE(audit[2].entry.before.find(R"("snapshot":"first")"), std::string::npos);
}

TEST_F(BranchAdminTest, AddsListsAndRemovesSources) {
  auto request = Adding("shop", "/srv/shop.dump");
  request.set_kind(pb::BranchSource::DUMP);
  request.set_roles("/srv/roles.sql");
  request.set_password("${file:/etc/prism/shop}");
  request.set_reason("the shop, too");
  const auto added = Answer<pb::BranchSource>(*Run("AddSource", request));
  EXPECT_EQ(added.name(), "shop");
  EXPECT_EQ(added.kind(), pb::BranchSource::DUMP);
  EXPECT_EQ(added.path(), "/srv/shop.dump");
  EXPECT_EQ(added.roles(), "/srv/roles.sql");
  EXPECT_EQ(added.created_by(), kZoe);
  EXPECT_EQ(added.generation().checkpoint_lsn(), "0/1500028");
  EXPECT_EQ(added.generation().size_bytes(), 4096);
  EXPECT_EQ(added.generation().timeline(), 3);
  EXPECT_EQ(added.generation().system_identifier(), "7439");
  EXPECT_FALSE(added.has_last_error_time());
  EXPECT_EQ(control_.password, "${file:/etc/prism/shop}");
  control_.sources.at("shop").last_error = "FAILED_PRECONDITION/SOURCE_RUNNING: it runs";
  control_.sources.at("shop").failed_at = kStart + 3000;
  const auto list =
      Answer<pb::ListBranchSourcesResponse>(*Run("ListSources", pb::ListBranchSourcesRequest()));
  ASSERT_EQ(list.sources_size(), 1);
  EXPECT_EQ(list.sources(0).last_error_time().seconds(), kStart / 1000 + 3);
  const auto refreshed = Answer<pb::BranchSource>(
      *Run("RefreshSource", Named<pb::RefreshBranchSourceRequest>("shop")));
  EXPECT_EQ(refreshed.generation().create_time().seconds(), kStart / 1000 + 1);
  auto removal = Named<pb::RemoveBranchSourceRequest>("shop");
  EXPECT_EQ(Run("RemoveSource", removal)->error->reason(), "SOURCE_IN_USE");
  removal.set_force(true);
  EXPECT_EQ(Answer<pb::BranchSource>(*Run("RemoveSource", removal)).name(), "shop");
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 3u);
  EXPECT_EQ(audit[0].entry.object, "source/shop");
  EXPECT_TRUE(audit[1].entry.action.ends_with("/RefreshSource")) << audit[1].entry.action;
  EXPECT_NE(audit[0].entry.after.find(R"("reason":"the shop, too")"), std::string::npos);
  EXPECT_EQ(audit[0].entry.after.find("/etc/prism"), std::string::npos);
  EXPECT_NE(audit[2].entry.before.find(R"("path":"/srv/shop.dump")"), std::string::npos);
}

TEST_F(BranchAdminTest, RefusesSourcesThatCanNotBe) {
  const auto refusal = [this](const pb::AddBranchSourceRequest& request) {
    const auto call = Run("AddSource", request);
    return call->error ? std::string(call->error->reason()) : "none";
  };
  EXPECT_EQ(refusal(Adding("a", "srv/relative")), "SOURCE_PATH_INVALID");
  EXPECT_EQ(refusal(Adding("a", std::string("/srv/\0x", 7))), "SOURCE_PATH_INVALID");
  auto request = Adding("a", "/srv/a");
  request.set_kind(static_cast<pb::BranchSource::Kind>(9));
  EXPECT_EQ(refusal(request), "SOURCE_KIND_INVALID");
  request.set_kind(pb::BranchSource::MANAGED);
  request.set_password("${env:PASSWORD}");
  EXPECT_EQ(refusal(request), "SOURCE_OPTIONS_INVALID");
  request.set_kind(pb::BranchSource::DUMP);
  request.set_roles("roles.sql");
  EXPECT_EQ(refusal(request), "SOURCE_PATH_INVALID");
  request.clear_roles();
  request.set_password("secret");
  EXPECT_EQ(refusal(request), "LITERAL_SECRET");
  EXPECT_EQ(control_.sources.size(), 0u);
  EXPECT_EQ(Audit().size(), 0u);
  EXPECT_EQ(refusal(Adding("a", "/srv/a")), "none");
  EXPECT_EQ(control_.sources.at("a").kind, pb::BranchSource::TEMPLATE);
}

TEST_F(BranchAdminTest, ReadsTheEndOfALogAsText) {
  Create("x");
  auto request = Named<pb::ReadBranchLogRequest>("x");
  EXPECT_EQ(Answer<pb::BranchLog>(*Run("ReadLog", request)).text(), "x 65536");
  request.set_max_bytes(10);
  control_.log = "\n\xc3\xa9";
  EXPECT_EQ(Answer<pb::BranchLog>(*Run("ReadLog", request)).text(), "x 10\n\xc3\xa9");
  control_.log = "\n\xe9t\x01";
  EXPECT_EQ(Answer<pb::BranchLog>(*Run("ReadLog", request)).text(), "x 10\n?t?");
  for (const int bytes : {-1, 65537}) {
    request.set_max_bytes(bytes);
    EXPECT_EQ(Run("ReadLog", request)->error->reason(), "SIZE_INVALID") << bytes;
  }
}

TEST_F(BranchAdminTest, ResetsAndRestores) {
  Create("x");
  auto reset = Named<pb::ResetBranchRequest>("x");
  EXPECT_EQ(Run("Reset", reset)->error->reason(), "BRANCH_IN_USE");
  reset.set_force(true);
  EXPECT_EQ(Answer<pb::Branch>(*Run("Reset", reset)).as_of().seconds(), kStart / 1000 + 7);
  auto restore = OfSnapshot<pb::RestoreBranchRequest>("first");
  restore.set_force(true);
  restore.set_reason("the migration went wrong");
  EXPECT_EQ(Answer<pb::Branch>(*Run("Restore", restore)).as_of().seconds(), kStart / 1000 - 7);
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 3u);
  EXPECT_NE(audit[2].entry.after.find("the migration went wrong"), std::string::npos);
}

TEST_F(BranchAdminTest, EachChangeIsInTheAudit) {
  auto request = Named<pb::CreateBranchRequest>("feature");
  request.set_reason("for the tests of release 7");
  Answer<pb::Branch>(*Run("Create", request));
  EXPECT_EQ(Run("Create", request)->error->reason(), "BRANCH_EXISTS");
  Answer<pb::Branch>(*Run("Delete", Named<pb::DeleteBranchRequest>("feature")));
  Answer<pb::Branch>(*Run("Undelete", Named<pb::UndeleteBranchRequest>("feature")));
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 3u);
  const security::AuditEntry& created = audit[0].entry;
  EXPECT_EQ(created.principal, kZoe);
  EXPECT_EQ(created.action, "/prism.admin.v1.BranchAdmin/Create");
  EXPECT_EQ(created.object, "branch/feature");
  EXPECT_EQ(created.code, "OK");
  EXPECT_EQ(created.before, "");
  EXPECT_NE(created.after.find(R"("reason":"for the tests of release 7")"), std::string::npos);
  const security::AuditEntry& deleted = audit[1].entry;
  EXPECT_EQ(deleted.action, "/prism.admin.v1.BranchAdmin/Delete");
  EXPECT_NE(deleted.before.find(R"("state":"STOPPED")"), std::string::npos);
  EXPECT_NE(deleted.after.find(R"("state":"DELETED")"), std::string::npos);
  const security::AuditEntry& undeleted = audit[2].entry;
  EXPECT_EQ(undeleted.action, "/prism.admin.v1.BranchAdmin/Undelete");
  EXPECT_EQ(undeleted.before, deleted.after);
  EXPECT_EQ(undeleted.after, deleted.before);
}

TEST_F(BranchAdminTest, TheAuditTellsWhatADeletionWasAllowed) {
  Create("parent");
  auto request = Named<pb::DeleteBranchRequest>("parent");
  request.set_force(true);
  request.set_recursive(true);
  Answer<pb::Branch>(*Run("Delete", request));
  EXPECT_TRUE(Audit().at(1).entry.after.ends_with(R"("force":true,"recursive":true})"));
}

TEST_F(BranchAdminTest, StopsAServerAndTellsTheAuditWhatHasEnded) {
  Create("busy");
  control_.branches.at("busy").state = pb::Branch::RUNNING;
  control_.branches.at("busy").connections = 1;
  auto request = Named<pb::StopBranchRequest>("busy");
  EXPECT_EQ(Run("Stop", request)->error->reason(), "BRANCH_IN_USE");
  request.set_force(true);
  EXPECT_EQ(Answer<pb::Branch>(*Run("Stop", request)).state(), pb::Branch::STOPPED);
  EXPECT_EQ(Answer<pb::Branch>(*Run("Stop", request)).state(), pb::Branch::STOPPED);
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 2U) << "of what had ended before there is no entry";
  EXPECT_TRUE(audit[1].entry.action.ends_with("/Stop"));
  EXPECT_TRUE(audit[1].entry.after.ends_with(R"("force":true})"));
}

TEST_F(BranchAdminTest, NamesOfRolesMayBeAnyBytes) {
  Create("feature");
  control_.branches.at("feature").created_by = "J\xfcrgen";
  const auto got = Answer<pb::Branch>(*Run("Get", Named<pb::GetBranchRequest>("feature")));
  EXPECT_EQ(got.created_by(), "J?rgen");
  Answer<pb::Branch>(*Run("Delete", Named<pb::DeleteBranchRequest>("feature")));
  EXPECT_NE(Audit().at(1).entry.before.find(R"("created_by":"J?rgen")"), std::string::npos);
}

TEST_F(BranchAdminTest, RefusesReasonsThatPretendToBeMoreLines) {
  auto request = Named<pb::CreateBranchRequest>("feature");
  request.set_reason("one\ntwo");
  EXPECT_EQ(Run("Create", request)->error->reason(), "BAD_VALUE");
  EXPECT_TRUE(control_.branches.empty());
}

TEST_F(BranchAdminTest, ListsInPagesByName) {
  for (const char* name : {"d", "a", "c", "b"}) Create(name);
  const auto first = List(2);
  ASSERT_EQ(first.branches_size(), 2);
  EXPECT_EQ(first.branches(0).name(), "a");
  EXPECT_EQ(first.branches(1).name(), "b");
  control_.branches.erase("b");  // the page goes on behind it all the same
  const auto second = List(2, first.next_page_token());
  ASSERT_EQ(second.branches_size(), 2);
  EXPECT_EQ(second.branches(0).name(), "c");
  EXPECT_EQ(second.branches(1).name(), "d");
  EXPECT_EQ(second.next_page_token(), "");
  pb::ListBranchesRequest forged;
  forged.set_page_token("Zm9yZ2VkIGJ5IHNvbWVib2R5IGVsc2U");
  EXPECT_EQ(Run("List", forged)->error->reason(), "PAGE_TOKEN_MISMATCH");
}

TEST_F(BranchAdminTest, WhatIsDoneInAMomentIsNoOperation) {
  EXPECT_EQ(Create("feature").operation(), "");
  EXPECT_EQ(Answer<pb::Branch>(*Run("Create", InBackground("other"))).operation(), "");
  const auto again = Run("Create", InBackground("other"));
  EXPECT_EQ(again->error->reason(), "BRANCH_EXISTS");
  EXPECT_EQ(operations_->List(0, 10)->size(), 0u);
}

TEST_F(BranchAdminTest, WorkInTheBackgroundIsAnOperation) {
  HoldUp();
  const auto begun = Answer<pb::Branch>(*Run("Create", InBackground("feature")));
  EXPECT_EQ(begun.name(), "feature");
  EXPECT_EQ(begun.state(), pb::Branch::MAKING);
  ASSERT_NE(begun.operation(), "");
  const pb::Operation going = AskFor(begun.operation(), false);
  EXPECT_FALSE(going.done());
  EXPECT_EQ(going.kind(), "branch create");
  EXPECT_EQ(going.object(), "branch/feature");
  EXPECT_EQ(going.created_by(), kZoe);
  EXPECT_EQ(going.progress(), "3 files of feature");
  EXPECT_TRUE(Audit().empty());
  LetGo();
  const pb::Operation ended = AskFor(begun.operation(), true);
  EXPECT_TRUE(ended.done());
  EXPECT_EQ(ended.result(), "feature");
  EXPECT_EQ(ended.error(), "");
  EXPECT_EQ(ended.progress(), "");
  ASSERT_EQ(Audit().size(), 1u);  // by whom nobody waits for any more
  EXPECT_EQ(Audit().at(0).entry.principal, kZoe);
  EXPECT_EQ(Audit().at(0).entry.object, "branch/feature");
  service_->Stop();
}

TEST_F(BranchAdminTest, AnOperationThatFailsKeepsItsReason) {
  HoldUp();
  control_.failure = Error(Code::kResourceExhausted, "DISK_FULL", "make room");
  const auto begun = Answer<pb::Branch>(*Run("Create", InBackground("feature")));
  LetGo();
  const pb::Operation ended = AskFor(begun.operation(), true);
  EXPECT_EQ(ended.error(), "RESOURCE_EXHAUSTED/DISK_FULL: make room");
  EXPECT_TRUE(Audit().empty());
  service_->Stop();
}

TEST_F(BranchAdminTest, WhoeverWaitsGetsTheEndAndItsOperation) {
  HoldUp();
  runtime::BlockingPool other(1, 1);
  ASSERT_TRUE(other.Submit([this] {
    while (operations_->List(0, 1)->empty()) std::this_thread::yield();
    LetGo();
  }));
  const pb::Branch made = Create("feature");
  other.Stop();
  EXPECT_EQ(made.state(), pb::Branch::STOPPED);
  EXPECT_EQ(made.operation(), std::to_string(Operation().id));
  EXPECT_EQ(Operation().result, "feature");
}

TEST_F(BranchAdminTest, EverythingThatCopiesCanBeAnOperation) {
  Create("x");
  HoldUp();
  const auto operation_of = [this](std::string_view method, auto request) {
    request.set_background(true);
    const auto call = Run(method, request);
    EXPECT_EQ(call->error, std::nullopt) << method;
  };
  auto reset = Named<pb::ResetBranchRequest>("x");
  reset.set_force(true);
  operation_of("Reset", reset);
  auto restore = OfSnapshot<pb::RestoreBranchRequest>("first");
  restore.set_force(true);
  operation_of("Restore", restore);
  operation_of("CreateSnapshot", OfSnapshot<pb::CreateSnapshotRequest>("first"));
  operation_of("AddSource", Adding("shop", "/srv/shop"));
  control_.sources["old"] = {.name = "old", .path = "/srv/old", .roles = "", .generation = {{}}};
  operation_of("RefreshSource", Named<pb::RefreshBranchSourceRequest>("old"));
  LetGo();
  service_->Stop();
  std::map<std::string, std::string> told;
  for (const OperationRecord& record : *operations_->List(0, 10)) {
    EXPECT_TRUE(record.ended_at);
    told[record.kind] = record.object + " " + record.result;
  }
  EXPECT_EQ(told, (std::map<std::string, std::string>{{"branch reset", "branch/x x"},
                                                      {"branch restore", "branch/x x"},
                                                      {"branch snapshot", "branch/x first"},
                                                      {"source add", "source/shop shop"},
                                                      {"source refresh", "source/old old"}}));
}

TEST_F(BranchAdminTest, WhatAStopGivesUpIsInterrupted) {
  HoldUp();
  control_.failure = Error(Code::kCancelled, "TRANSFER_CANCELLED", "nothing is left");
  Answer<pb::Branch>(*Run("Create", InBackground("feature")));
  runtime::BlockingPool other(1, 1);
  ASSERT_TRUE(other.Submit([this] { service_->Stop(); }));
  // Refused from the moment on that the stop has begun.
  while (true) {
    const auto call = Run("Create", InBackground("more"));
    if (call->error && call->error->reason() == "SHUTTING_DOWN") break;
  }
  LetGo();
  other.Stop();
  for (const OperationRecord& record : *operations_->List(0, 1000)) {
    EXPECT_TRUE(record.error.starts_with("ABORTED/INTERRUPTED: ")) << record.error;
  }
}

TEST_F(BranchAdminTest, OnlyAdministratorsOfTheServerMay) {
  EXPECT_EQ(Refusals(kRita), std::vector<std::string>(17, "ACCESS_DENIED"));
  EXPECT_TRUE(control_.branches.empty());
}

TEST_F(BranchAdminTest, SaysWhatToDoWhenBranchingIsOff) {
  UseControl(nullptr);
  EXPECT_EQ(Refusals(kZoe), std::vector<std::string>(17, "BRANCHING_OFF"));
  // Whether it is on is not for everybody.
  EXPECT_EQ(Refusals(kRita), std::vector<std::string>(17, "ACCESS_DENIED"));
}

}  // namespace
}  // namespace prism::gateway
