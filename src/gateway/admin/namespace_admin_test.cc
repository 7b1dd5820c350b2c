#include "gateway/admin/namespace_admin.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <set>
#include <thread>

#include "gateway/admin/testing/admin_fixture.h"

namespace prism::gateway {
namespace {

namespace v1 = admin::v1;
using testing::ReasonOf;

class NamespaceAdminTest : public testing::AdminFixture {
 protected:
  void SetUp() override {
    AdminFixture::SetUp();
    operations_ = std::make_unique<OperationStore>(store_->database(), clock_);
    service_ = std::make_unique<NamespaceAdminService>(*control_, pool_, changes_, *operations_);
  }
  std::vector<sqlite::SchemaPart> Parts() override {
    return {security::AuditPart(), OperationStore::Part()};
  }

  static v1::CreateNamespaceRequest New(const std::string& name) {
    v1::CreateNamespaceRequest request;
    request.mutable_namespace_()->set_name(name);
    request.mutable_namespace_()->set_backend("memory");
    return request;
  }
  Result<v1::Namespace> Create(const v1::CreateNamespaceRequest& request,
                               std::string_view who = "root") {
    return Call(*service_, &NamespaceAdminService::Create, request, who);
  }
  v1::Namespace Made(const std::string& name) {
    const auto made = Create(New(name));
    EXPECT_TRUE(made) << made.error().ToString();
    return made.value_or(v1::Namespace());
  }
  Result<v1::Namespace> Get(const std::string& name, std::string_view who = "root", int shard = 0) {
    v1::GetNamespaceRequest request;
    request.set_name(name);
    return Call(*service_, &NamespaceAdminService::Get, request, who, shard);
  }
  Result<v1::Namespace> Update(const v1::UpdateNamespaceRequest& request,
                               std::string_view who = "root") {
    return Call(*service_, &NamespaceAdminService::Update, request, who);
  }
  Result<v1::ListNamespacesResponse> List(const v1::ListNamespacesRequest& request,
                                          std::string_view who = "root") {
    return Call(*service_, &NamespaceAdminService::List, request, who);
  }
  static v1::UpdateNamespaceRequest Rate(const std::string& name, std::uint64_t rate,
                                         std::int64_t revision = 0) {
    v1::UpdateNamespaceRequest request;
    request.set_name(name);
    request.mutable_namespace_()->set_rate_limit_rps(rate);
    request.set_revision(revision);
    return request;
  }
  static std::vector<std::string> Names(const Result<v1::ListNamespacesResponse>& list) {
    std::vector<std::string> names;
    if (!list) return {list.error().ToString()};
    for (const auto& one : list->namespaces()) names.push_back(one.name());
    return names;
  }

  std::unique_ptr<OperationStore> operations_;
  std::unique_ptr<NamespaceAdminService> service_;
};

TEST_F(NamespaceAdminTest, WhatIsMadeIsReadUpdatedAndDeleted) {
  const v1::Namespace made = Made("orders");
  EXPECT_EQ(made.revision(), 2);
  EXPECT_EQ(made.created_by(), "root");
  EXPECT_EQ(made.backend_type(), "memory");
  EXPECT_EQ(made.max_in_flight(), 4096u);
  EXPECT_EQ(made.default_timeout().seconds(), 30);
  EXPECT_EQ(made.status(), v1::ACTIVE);
  const auto read = Get("orders");
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*read, made));

  const auto updated = Update(Rate("orders", 500, made.revision()));
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->rate_limit_rps(), 500u);
  EXPECT_EQ(updated->revision(), 3);
  EXPECT_EQ(updated->id(), made.id());

  v1::DeleteNamespaceRequest gone;
  gone.set_name("orders");
  const auto deleted = Call(*service_, &NamespaceAdminService::Delete, gone);
  ASSERT_TRUE(deleted) << deleted.error().ToString();
  EXPECT_EQ(deleted->revision(), 4);
  EXPECT_EQ(Audit(),
            (std::vector<std::string>{"/prism.admin.v1.NamespaceAdmin/Delete namespace/orders",
                                      "/prism.admin.v1.NamespaceAdmin/Update namespace/orders",
                                      "/prism.admin.v1.NamespaceAdmin/Create namespace/orders"}));
  EXPECT_EQ(ReasonOf(Get("orders")), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Delete, gone)), "NAMESPACE_NOT_FOUND");
}

TEST_F(NamespaceAdminTest, WhatIsAcknowledgedIsReadOnEveryShardAsInAList) {
  Made("orders");
  for (int rate = 1; rate <= 100; ++rate) {
    const auto updated = Update(Rate("orders", static_cast<std::uint64_t>(rate)));
    ASSERT_TRUE(updated) << updated.error().ToString();
    const auto read = Get("orders", "root", 1);
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*read, *updated));
  }
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*Get("orders", "root", 1),
                                                                 List({})->namespaces(0)));
}

TEST_F(NamespaceAdminTest, APurgeIsAnOperationThatAServerAdministratorBegins) {
  olgas_ = {"orders"};
  Made("orders");
  v1::DeleteNamespaceRequest request;
  request.set_name("orders");
  request.set_purge(true);
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Delete, request, "rita")),
            "ACCESS_DENIED");
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Delete, request, "olga")),
            "ACCESS_DENIED");
  request.set_dry_run(true);
  const auto planned = Call(*service_, &NamespaceAdminService::Delete, request);
  ASSERT_TRUE(planned) << planned.error().ToString();
  ASSERT_EQ(planned->purged_backends_size(), 1);
  EXPECT_EQ(planned->purged_backends(0), "memory");
  EXPECT_EQ(planned->operation(), "");
  EXPECT_TRUE(operations_->List(0, 10)->empty());

  request.set_dry_run(false);
  const auto deleted = Call(*service_, &NamespaceAdminService::Delete, request);
  ASSERT_TRUE(deleted) << deleted.error().ToString();
  EXPECT_EQ(deleted->purged_backends_size(), 1);
  const auto begun = operations_->List(0, 10);
  ASSERT_EQ(begun->size(), 1u);
  EXPECT_EQ(deleted->operation(), std::to_string(begun->front().id));
  EXPECT_EQ(begun->front().kind, "namespace purge");
  EXPECT_EQ(begun->front().object, "namespace/orders");
  EXPECT_EQ(begun->front().created_by, "root");
  EXPECT_EQ(begun->front().ended_at, std::nullopt);
  const auto entry = sqlite::ReadAndWait(store_->database(), [](sqlite::Connection& connection) {
    return security::ListAudit(connection, {});
  });
  EXPECT_EQ(entry->records.front().entry.after, R"({"purge":true})");
}

TEST_F(NamespaceAdminTest, APurgeOutlivesTheProcessThatHasBegunIt) {
  Made("orders");
  v1::DeleteNamespaceRequest request;
  request.set_name("orders");
  request.set_purge(true);
  ASSERT_TRUE(Call(*service_, &NamespaceAdminService::Delete, request));
  ASSERT_TRUE(operations_->Start({"namespace/carts", "namespace/orders"}));
  EXPECT_EQ(operations_->List(0, 10)->front().ended_at, std::nullopt);
  ASSERT_TRUE(operations_->Start());
  EXPECT_NE(operations_->List(0, 10)->front().error, "");
}

TEST_F(NamespaceAdminTest, StaleRevisionsAreToldTheCurrentOne) {
  Made("orders");
  ASSERT_TRUE(Update(Rate("orders", 1, 2)));
  const auto stale = Update(Rate("orders", 2, 2));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code(), Code::kAborted);
  EXPECT_EQ(stale.error().reason(), "REVISION_MISMATCH");
  EXPECT_EQ(stale.error().metadata(),
            (std::vector<std::pair<std::string, std::string>>{{"revision", "3"}}));
  EXPECT_EQ(ReasonOf(Create(New("orders"))), "REVISION_MISMATCH");
  EXPECT_EQ(Get("orders")->rate_limit_rps(), 1u);
}

TEST_F(NamespaceAdminTest, EveryMistakeIsNamedWithItsField) {
  v1::CreateNamespaceRequest request = New("orders");
  v1::Namespace& ns = *request.mutable_namespace_();
  ns.set_backend("memroy");
  ns.set_max_in_flight(2'000'000);
  ns.mutable_default_timeout()->set_seconds(-1);
  (*ns.mutable_features())["Bad"] = true;
  const auto refused = Create(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.error().reason(), "CONFIG_INVALID");
  std::set<std::string> fields;
  for (const auto& violation : refused.error().fields()) fields.insert(violation.field);
  EXPECT_EQ(fields, (std::set<std::string>{"namespace.backend", "namespace.max_in_flight",
                                           "namespace.default_timeout", "namespace.features"}));
  EXPECT_EQ(ReasonOf(Get("orders")), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Create(New("Orders"))), "BAD_NAME");
  EXPECT_EQ(ReasonOf(Create(v1::CreateNamespaceRequest())), "CONFIG_INVALID");
}

TEST_F(NamespaceAdminTest, SecretsAreRefusedAndNotRepeated) {
  v1::CreateNamespaceRequest request = New("orders");
  v1::Pattern& pattern = *request.mutable_namespace_()->add_patterns();
  pattern.set_type("claim-check");
  (*pattern.mutable_config())["password"] = "planted-secret";
  const auto refused = Create(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "LITERAL_SECRET");
  EXPECT_EQ(refused.error().ToString().find("planted-secret"), std::string::npos);
}

TEST_F(NamespaceAdminTest, MasksChooseWhatIsTakenOver) {
  v1::CreateNamespaceRequest request = New("orders");
  request.mutable_namespace_()->set_owner("team-a");
  request.mutable_namespace_()->add_tags("production");
  ASSERT_TRUE(Create(request));
  v1::UpdateNamespaceRequest update = Rate("orders", 7);
  update.mutable_update_mask()->add_paths("tags");
  update.mutable_update_mask()->add_paths("access.read");
  update.mutable_namespace_()->mutable_access()->add_read("ann");
  const auto updated = Update(update);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->rate_limit_rps(), 0u);
  EXPECT_EQ(updated->tags_size(), 0);
  EXPECT_EQ(updated->owner(), "team-a");
  EXPECT_EQ(updated->access().read(0), "ann");

  update.mutable_update_mask()->add_paths("rate_limit_rsp");
  const auto unknown = Update(update);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason(), "FIELD_UNKNOWN");
  EXPECT_NE(unknown.error().message().find("rate_limit_rps"), std::string::npos);
  update.mutable_update_mask()->set_paths(2, "revision");
  EXPECT_EQ(ReasonOf(Update(update)), "FIELD_READ_ONLY");
  // What was read can be written back: what the server sets is left alone.
  v1::UpdateNamespaceRequest back;
  back.set_name("orders");
  *back.mutable_namespace_() = *Get("orders");
  back.mutable_namespace_()->set_owner("team-b");
  back.mutable_update_mask()->add_paths("*");
  EXPECT_EQ(Update(back)->owner(), "team-b");
  back.mutable_namespace_()->set_name("others");
  EXPECT_EQ(ReasonOf(Update(back)), "NAME_IMMUTABLE");
}

TEST_F(NamespaceAdminTest, NeedsAreKeptMaskedAndFound) {
  v1::CreateNamespaceRequest request = New("orders");
  v1::Needs& needs = *request.mutable_namespace_()->mutable_needs();
  needs.set_access_pattern(v1::APPEND_HEAVY);
  needs.set_durability(v1::REPLICATED);
  needs.set_consistency(v1::CAUSAL);
  needs.set_ordered(true);
  needs.set_replay(false);
  needs.set_read_rps(0);
  needs.set_write_rps(10'000);
  needs.set_latency_p99_ms(9);
  needs.set_data_size(1ull << 40);
  needs.mutable_retention()->set_seconds(0);
  needs.set_max_message_size(1000);
  needs.mutable_ttl()->set_nanos(1'500'000);
  needs.set_enable_cache(false);
  needs.set_kafka_partitions(20);
  needs.set_kafka_replication_factor(3);
  const auto made = Create(request);
  ASSERT_TRUE(made) << made.error().ToString();
  needs.mutable_ttl()->set_nanos(2'000'000);  // what is finer than a millisecond rounds up
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(made->needs(), needs));
  Made("carts");

  v1::ListNamespacesRequest list;
  for (const char* filter :
       {"needs.latency_p99_ms < 10", "latency_p99_ms < 10", "ordered = true",
        "needs.retention = 0s", "NOT needs.access_pattern = read_heavy needs.replay = false"}) {
    list.set_filter(filter);
    EXPECT_EQ(Names(List(list)), (std::vector<std::string>{"orders"})) << filter;
  }
  list.set_filter("needs.latency_p99 < 10");
  EXPECT_EQ(ReasonOf(List(list)), "FILTER_FIELD_UNKNOWN");

  v1::UpdateNamespaceRequest update;
  update.set_name("orders");
  update.mutable_namespace_()->mutable_needs()->set_write_rps(5);
  update.mutable_update_mask()->add_paths("needs.write_rps");
  update.mutable_update_mask()->add_paths("needs.latency_p99_ms");
  auto updated = Update(update);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->needs().write_rps(), 5u);
  EXPECT_FALSE(updated->needs().has_latency_p99_ms()) << "named by the mask, and not there";
  EXPECT_EQ(updated->needs().kafka_partitions(), 20u);
  update.mutable_update_mask()->Clear();
  updated = Update(update);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->needs().ByteSizeLong(), update.namespace_().needs().ByteSizeLong());
  update.mutable_update_mask()->add_paths("needs.write");
  EXPECT_EQ(ReasonOf(Update(update)), "FIELD_UNKNOWN");
}

TEST_F(NamespaceAdminTest, MistakesInBlocksHaveTheirFields) {
  v1::CreateNamespaceRequest request = New("orders");
  v1::Namespace& ns = *request.mutable_namespace_();
  ns.mutable_needs()->set_latency_p99_ms(0);
  ns.mutable_needs()->set_durability(static_cast<v1::Durability>(9));
  ns.mutable_needs()->mutable_ttl()->set_seconds(std::numeric_limits<std::int64_t>::max());
  ns.mutable_needs()->mutable_ttl()->set_nanos(std::numeric_limits<std::int32_t>::max());
  ns.mutable_shadow()->set_backend("othre");
  ns.mutable_shadow()->set_sample_percent(101);
  const auto refused = Create(request);
  ASSERT_FALSE(refused);
  std::set<std::string> fields;
  for (const auto& violation : refused.error().fields()) fields.insert(violation.field);
  EXPECT_EQ(fields,
            (std::set<std::string>{"namespace.needs.latency_p99_ms", "namespace.needs.durability",
                                   "namespace.needs.ttl", "namespace.shadow.backend",
                                   "namespace.shadow.sample_percent"}));
}

TEST_F(NamespaceAdminTest, AShadowIsKeptAndCostsTheServer) {
  v1::CreateNamespaceRequest request = New("orders");
  request.mutable_namespace_()->mutable_shadow()->set_backend("other");
  const auto made = Create(request);
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->shadow().sample_percent(), 100u);
  EXPECT_TRUE(made->shadow().reads() && made->shadow().writes());
  EXPECT_EQ(made->shadow().keep_differences(), 1000u);
  Made("carts");
  v1::ListNamespacesRequest list;
  list.set_filter("shadow.backend = other");
  EXPECT_EQ(Names(List(list)), (std::vector<std::string>{"orders"}));

  olgas_ = {"orders"};
  v1::UpdateNamespaceRequest update;
  update.set_name("orders");
  update.mutable_update_mask()->add_paths("shadow");
  const auto refused = Update(update, "olga");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "ACCESS_DENIED");
  EXPECT_NE(refused.error().message().find("shadow"), std::string::npos);
  v1::UpdateNamespaceRequest needs;
  needs.set_name("orders");
  needs.mutable_namespace_()->mutable_needs()->set_write_rps(5);
  EXPECT_TRUE(Update(needs, "olga"));

  v1::DeleteNamespaceRequest gone;
  gone.set_name("orders");
  gone.set_purge(true);
  gone.set_dry_run(true);
  const auto planned = Call(*service_, &NamespaceAdminService::Delete, gone);
  ASSERT_TRUE(planned) << planned.error().ToString();
  EXPECT_EQ(planned->purged_backends_size(), 2);
  const auto plain = Update(update);
  ASSERT_TRUE(plain) << plain.error().ToString();
  EXPECT_FALSE(plain->has_shadow());
}

TEST_F(NamespaceAdminTest, ADryRunChangesNothing) {
  v1::CreateNamespaceRequest request = New("orders");
  request.set_dry_run(true);
  const auto would = Create(request);
  ASSERT_TRUE(would) << would.error().ToString();
  EXPECT_EQ(would->revision(), 2);
  EXPECT_EQ(ReasonOf(Get("orders")), "NAMESPACE_NOT_FOUND");
  Made("orders");
  v1::UpdateNamespaceRequest update = Rate("orders", 9);
  update.set_dry_run(true);
  EXPECT_EQ(Update(update)->rate_limit_rps(), 9u);
  EXPECT_EQ(Get("orders")->rate_limit_rps(), 0u);
}

TEST_F(NamespaceAdminTest, PagesAreBoundToTheirQuery) {
  for (const char* name : {"a", "b", "c", "d"}) Made(name);
  ASSERT_TRUE(Update(Rate("b", 100)));
  ASSERT_TRUE(Update(Rate("c", 200)));
  v1::ListNamespacesRequest request;
  request.set_page_size(3);
  const auto first = List(request);
  EXPECT_EQ(Names(first), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(first->total_size(), 4);
  request.set_page_token(first->next_page_token());
  const auto second = List(request);
  EXPECT_EQ(Names(second), (std::vector<std::string>{"d"}));
  EXPECT_EQ(second->next_page_token(), "");
  request.set_filter("rate_limit_rps >= 100");
  EXPECT_EQ(ReasonOf(List(request)), "PAGE_TOKEN_MISMATCH");
  request.clear_page_token();
  EXPECT_EQ(Names(List(request)), (std::vector<std::string>{"b", "c"}));
  request.set_filter("rate_limit = 1");
  const auto unknown = List(request);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason(), "FILTER_FIELD_UNKNOWN");
  request.set_page_size(-1);
  request.clear_filter();
  EXPECT_EQ(ReasonOf(List(request)), "BAD_PAGE_SIZE");
}

TEST_F(NamespaceAdminTest, CountsByAField) {
  for (const char* name : {"a", "b", "c"}) Made(name);
  v1::UpdateNamespaceRequest update;
  update.set_name("b");
  update.mutable_namespace_()->set_status(v1::DISABLED);
  ASSERT_TRUE(Update(update));
  v1::CountNamespacesRequest request;
  request.set_by("status");
  const auto counted = Call(*service_, &NamespaceAdminService::Count, request);
  ASSERT_TRUE(counted) << counted.error().ToString();
  ASSERT_EQ(counted->counts_size(), 2);
  EXPECT_EQ(counted->counts(0).value(), "active");
  EXPECT_EQ(counted->counts(0).count(), 2);
  EXPECT_EQ(counted->total(), 3);
  request.set_by("stauts");
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Count, request)), "FIELD_UNKNOWN");
}

TEST_F(NamespaceAdminTest, PermissionComesBeforeExistence) {
  Made("orders");
  Made("secret");
  olgas_ = {"orders"};
  EXPECT_TRUE(Get("orders", "olga"));
  EXPECT_EQ(ReasonOf(Get("orders", "rita")), "ACCESS_DENIED");
  EXPECT_EQ(Get("secret", "olga").error().ToString().substr(0, 40),
            Get("absent", "olga").error().ToString().substr(0, 40));
  EXPECT_EQ(ReasonOf(Get("absent", "olga")), "ACCESS_DENIED");
  EXPECT_EQ(ReasonOf(Create(New("more"), "olga")), "ACCESS_DENIED");
  EXPECT_EQ(Names(List({}, "olga")), (std::vector<std::string>{"orders"}));
  EXPECT_EQ(List({}, "olga")->total_size(), 1);
  EXPECT_EQ(Names(List({}, "rita")), std::vector<std::string>());

  v1::UpdateNamespaceRequest tags;
  tags.set_name("orders");
  tags.mutable_namespace_()->add_tags("mine");
  EXPECT_TRUE(Update(tags, "olga"));
  const auto limit = Update(Rate("orders", 5), "olga");
  ASSERT_FALSE(limit);
  EXPECT_EQ(limit.error().code(), Code::kPermissionDenied);
  EXPECT_NE(limit.error().message().find("rate_limit_rps"), std::string::npos);
}

TEST_F(NamespaceAdminTest, FeaturesAreSetAndRemoved) {
  Made("orders");
  v1::SetFeatureRequest set;
  set.set_name("orders");
  set.set_feature("beta");
  set.set_enabled(true);
  EXPECT_TRUE(Call(*service_, &NamespaceAdminService::SetFeature, set)->features().at("beta"));
  v1::ListNamespacesRequest list;
  list.set_filter("features.beta = true");
  EXPECT_EQ(Names(List(list)), (std::vector<std::string>{"orders"}));
  v1::RemoveFeatureRequest remove;
  remove.set_name("orders");
  remove.set_feature("beta");
  EXPECT_EQ(Call(*service_, &NamespaceAdminService::RemoveFeature, remove)->features_size(), 0);
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::RemoveFeature, remove)),
            "FEATURE_NOT_FOUND");
  set.set_feature("no good");
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::SetFeature, set)), "BAD_NAME");
}

TEST_F(NamespaceAdminTest, HistoryAndRollBackReachWhatWasDeleted) {
  const v1::Namespace made = Made("orders");
  v1::UpdateNamespaceRequest update = Rate("orders", 5);
  update.set_reason("load test");
  ASSERT_TRUE(Update(update));
  v1::DeleteNamespaceRequest gone;
  gone.set_name("orders");
  ASSERT_TRUE(Call(*service_, &NamespaceAdminService::Delete, gone));

  v1::NamespaceHistoryRequest request;
  request.set_name("orders");
  request.set_page_size(2);
  const auto page = Call(*service_, &NamespaceAdminService::History, request);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->changes_size(), 2);
  EXPECT_EQ(page->changes(0).operation(), "delete");
  EXPECT_FALSE(page->changes(0).has_after());
  EXPECT_EQ(page->changes(1).reason(), "load test");
  EXPECT_EQ(page->changes(1).before().rate_limit_rps(), 0u);
  EXPECT_EQ(page->changes(1).after().rate_limit_rps(), 5u);
  EXPECT_EQ(page->changes(1).hash().size(), 64u);
  request.set_page_token(page->next_page_token());
  EXPECT_EQ(Call(*service_, &NamespaceAdminService::History, request)->changes(0).operation(),
            "create");

  v1::GetNamespaceRequest then;
  then.set_name("orders");
  then.set_revision(3);
  const auto past = Call(*service_, &NamespaceAdminService::Get, then);
  ASSERT_TRUE(past) << past.error().ToString();
  EXPECT_EQ(past->rate_limit_rps(), 5u);
  EXPECT_EQ(past->created_by(), "root");
  then.set_revision(99);
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Get, then)), "REVISION_UNKNOWN");

  v1::RollBackNamespaceRequest back;
  back.set_name("orders");
  back.set_to_revision(2);
  const auto restored = Call(*service_, &NamespaceAdminService::RollBack, back);
  ASSERT_TRUE(restored) << restored.error().ToString();
  EXPECT_EQ(restored->namespace_().id(), made.id());
  EXPECT_EQ(restored->namespace_().rate_limit_rps(), 0u);
  back.set_name("never");
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::RollBack, back)),
            "NAMESPACE_NOT_FOUND");
  request.set_name("never");
  request.clear_page_token();
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::History, request)),
            "NAMESPACE_NOT_FOUND");
}

TEST_F(NamespaceAdminTest, ACallWithAnIndexWaitsForTheNextChange) {
  const v1::Namespace made = Made("orders");
  v1::GetNamespaceRequest request;
  request.set_name("orders");
  request.set_index(made.revision());
  request.mutable_wait()->set_nanos(1'000'000);
  EXPECT_EQ(Call(*service_, &NamespaceAdminService::Get, request)->revision(), made.revision());
  request.mutable_wait()->set_seconds(600);
  request.mutable_wait()->clear_nanos();
  std::thread changer([&] {
    Made("another");
    EXPECT_TRUE(Update(Rate("orders", 3)));
  });
  const auto woken = Call(*service_, &NamespaceAdminService::Get, request, "root", 1);
  changer.join();
  ASSERT_TRUE(woken) << woken.error().ToString();
  EXPECT_EQ(woken->rate_limit_rps(), 3u);
  request.mutable_wait()->set_seconds(601);
  EXPECT_EQ(ReasonOf(Call(*service_, &NamespaceAdminService::Get, request)), "BAD_WAIT");
}

// Takes what a watch tells, and ends it when it has had enough.
class Watcher final : public contract::MessageSink {
 public:
  Watcher(contract::CallContext& ctx, std::string until) : ctx_(ctx), until_(std::move(until)) {}

  runtime::Task<Status> Write(const google::protobuf::Message& message) override {
    const auto& event = static_cast<const v1::NamespaceEvent&>(message);
    told.push_back(event.name().empty()     ? "up to " + std::to_string(event.revision())
                   : event.has_namespace_() ? event.name()
                                            : event.name() + " gone");
    if (told.back() == until_) ctx_.cancel().Cancel(runtime::CancelReason::kClientGone);
    if (on_write) on_write(told.back());
    co_return Status();
  }

  std::vector<std::string> told;
  std::function<void(const std::string&)> on_write;

 private:
  contract::CallContext& ctx_;
  const std::string until_;
};

class WatchTest : public NamespaceAdminTest {
 protected:
  std::vector<std::string> Watch(const v1::WatchNamespacesRequest& request,
                                 const std::string& until,
                                 std::function<void(const std::string&)> on_write = {},
                                 std::string_view who = "root") {
    google::protobuf::Arena arena;
    contract::CallContext ctx(arena);
    const security::CallerRights rights(
        GuardFor(), security::Caller{.principal = who, .proof = security::Proof::kUnixPeer},
        "127.0.0.1:1");
    ctx.rights = &rights;
    Watcher watcher(ctx, until);
    watcher.on_write = std::move(on_write);
    const Status status = runtime::RunOn(shards_.at(1), [&] {
      return service_->Watch(ctx, request, contract::Sink<v1::NamespaceEvent>(watcher));
    });
    EXPECT_EQ(status ? "OK" : status.error().reason(), "CANCELLED");
    return watcher.told;
  }
};

TEST_F(WatchTest, TellsTheStateAndThenEachChange) {
  Made("a");
  Made("b");
  std::thread changer;
  const auto told = Watch({}, "up to 5", [&](const std::string& last) {
    if (last != "up to 3") return;
    changer = std::thread([this] {
      EXPECT_TRUE(Update(Rate("b", 1)));
      v1::DeleteNamespaceRequest gone;
      gone.set_name("a");
      EXPECT_TRUE(Call(*service_, &NamespaceAdminService::Delete, gone));
    });
  });
  changer.join();
  ASSERT_GE(told.size(), 6u);
  EXPECT_EQ((std::vector<std::string>(told.begin(), told.begin() + 4)),
            (std::vector<std::string>{"a", "b", "up to 3", "b"}));
  EXPECT_NE(std::ranges::find(told, "a gone"), told.end());
}

TEST_F(WatchTest, GoesOnBehindARevisionThroughAFilter) {
  Made("a");
  Made("b");
  ASSERT_TRUE(Update(Rate("b", 5)));
  ASSERT_TRUE(Update(Rate("a", 1)));
  v1::WatchNamespacesRequest request;
  request.set_after_revision(3);
  request.set_filter("rate_limit_rps > 2");
  EXPECT_EQ(Watch(request, "up to 5"), (std::vector<std::string>{"b", "a gone", "up to 5"}));
  olgas_ = {"b"};
  EXPECT_EQ(Watch(request, "up to 5", {}, "olga"), (std::vector<std::string>{"b", "up to 5"}));
}

TEST_F(NamespaceAdminTest, EachOfManyAuthorsIsToldTheTruth) {
  Made("orders");
  constexpr int kClients = 200;
  std::vector<Result<v1::Namespace>> answers(
      kClients, std::unexpected(Error(Code::kInternal, "UNSET", "unset")));
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      // Each reads, then writes what it has read, once.
      const std::int64_t seen = Get("orders")->revision();
      answers[static_cast<std::size_t>(i)] =
          Update(Rate("orders", static_cast<std::uint64_t>(i) + 1, seen));
    });
  }
  for (std::thread& client : clients) client.join();
  std::set<std::int64_t> revisions;
  std::size_t acknowledged = 0;
  for (const auto& answer : answers) {
    if (!answer) {
      EXPECT_EQ(answer.error().reason(), "REVISION_MISMATCH") << answer.error().ToString();
      continue;
    }
    ++acknowledged;
    revisions.insert(answer->revision());
  }
  EXPECT_GE(acknowledged, 1u);
  EXPECT_EQ(revisions.size(), acknowledged);
  v1::NamespaceHistoryRequest request;
  request.set_name("orders");
  request.set_page_size(1000);
  const auto history = Call(*service_, &NamespaceAdminService::History, request);
  EXPECT_EQ(static_cast<std::size_t>(history->changes_size()), acknowledged + 1);
  EXPECT_EQ(Get("orders")->revision(), *revisions.rbegin());
}

}  // namespace
}  // namespace prism::gateway
