// What may become the configuration, and what is said of the rest.
#include "gateway/unbindable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/testing/gateway_test_base.h"

namespace prism::gateway {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kBackends =
    "backends: {main: {type: etcd}, second: {type: nats}, far: {type: redis}}\n";

class UnbindableTest : public testing::GatewayTest {
 protected:
  // After nothing, or after what `Use` has made current.
  Status Check(std::string_view namespaces, bool force = false) {
    const auto table = Bound(namespaces);
    return CheckBound(binder_.current().get(), *table, methods_.interfaces(), force);
  }
  void Use(std::string_view namespaces) { binder_.Commit(Bound(namespaces)); }
  std::string ReasonOf(const Status& status) {
    return status ? "OK" : std::string(status.error().reason());
  }
  static std::string Metadata(const Error& error, std::string_view key) {
    const auto found =
        std::ranges::find(error.metadata(), key, &std::pair<std::string, std::string>::first);
    return found == error.metadata().end() ? "" : found->second;
  }

 private:
  std::shared_ptr<const RoutingTable> Bound(std::string_view namespaces) {
    auto snapshot = namespaces::ParseConfig(std::string(kBackends) + std::string(namespaces), "f");
    EXPECT_TRUE(snapshot) << snapshot.error().ToString();
    return binder_.Bind(*snapshot);
  }
};

TEST_F(UnbindableTest, ADataModelThatItsBackendLacksIsRefused) {
  for (const char* more : {"", ", status: disabled"}) {
    const Status refused =
        Check(fmt::format("namespaces: [{{name: a, backend: main, pattern: queue{}}}]\n", more));
    ASSERT_EQ(ReasonOf(refused), "INTERFACE_NOT_BOUND");
    EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
    EXPECT_THAT(refused.error().message(), HasSubstr("namespace \"a\""));
    EXPECT_THAT(refused.error().message(), HasSubstr("backend \"main\" (etcd) offers keyvalue"));
    EXPECT_EQ(Metadata(refused.error(), "interface"), "queue");
  }
  EXPECT_EQ(ReasonOf(Check("namespaces: [{name: a, backend: main, pattern: keyvalue}]\n")), "OK");
}

TEST_F(UnbindableTest, ASlotWhoseBackendLacksTheInterfaceIsRefused) {
  const Status refused = Check(
      "namespaces:\n  - name: a\n    pattern: multicast-registry\n"
      "    slots: {registry: {backend: main, interface: keyvalue_bsic}}\n");
  ASSERT_EQ(ReasonOf(refused), "INTERFACE_NOT_BOUND");
  EXPECT_THAT(refused.error().message(), HasSubstr("slot \"registry\" of the namespace \"a\""));
  EXPECT_THAT(refused.error().message(), HasSubstr("did you mean \"keyvalue_basic\"?"));
  EXPECT_EQ(Metadata(refused.error(), "slot"), "registry");
  EXPECT_EQ(Metadata(refused.error(), "backend"), "main");
  EXPECT_EQ(Metadata(refused.error(), "interfaces"), "keyvalue_basic,keyvalue_scan");
}

TEST_F(UnbindableTest, WhatThisProgramLacksMayBeConfigured) {
  EXPECT_EQ(ReasonOf(Check("namespaces:\n  - name: a\n    pattern: multicast-registry\n"
                           "    slots:\n"
                           "      registry: {backend: main, interface: keyvalue_basic}\n"
                           "      messaging: {backend: far, interface: pubsub_basic}\n"
                           "  - {name: b, backend: far, pattern: queue}\n")),
            "OK");
}

TEST_F(UnbindableTest, AShadowMayBeConfiguredButNotTakeWhatIsServed) {
  constexpr std::string_view kShadow =
      "namespaces: [{name: a, backend: main, shadow: {backend: second}}]\n";
  EXPECT_EQ(ReasonOf(Check(kShadow)), "OK");
  EXPECT_EQ(ReasonOf(Check("namespaces: [{name: a, backend: main, pattern: queue, shadow: "
                           "{backend: second}}]\n")),
            "INTERFACE_NOT_BOUND");
  Use("namespaces: [{name: a, backend: main}]\n");
  EXPECT_EQ(ReasonOf(Check(kShadow)), "INTERFACES_WOULD_SHRINK");
  EXPECT_EQ(ReasonOf(Check(kShadow, true)), "OK");
}

TEST_F(UnbindableTest, AnIdOfNoPatternIsRefusedWithTheNearest) {
  Status refused = Check("namespaces: [{name: a, backend: main, pattern: keyvalu}]\n");
  ASSERT_EQ(ReasonOf(refused), "PATTERN_NOT_INSTALLED");
  EXPECT_THAT(refused.error().message(), HasSubstr("did you mean \"keyvalue\"?"));
  refused =
      Check("namespaces: [{name: a, backend: main, patterns: [{type: cache}, {type: out_bx}]}]\n");
  ASSERT_EQ(ReasonOf(refused), "PATTERN_NOT_INSTALLED");
  EXPECT_THAT(refused.error().message(), HasSubstr("did you mean \"outbox\"?"));
}

TEST_F(UnbindableTest, AConsistencyThatTheBackendCantGiveIsRefused) {
  for (const char* more : {"", ", status: disabled"}) {
    EXPECT_EQ(ReasonOf(Check(fmt::format("namespaces: [{{name: a, backend: second{}}}]\n", more))),
              "CONSISTENCY_UNAVAILABLE");
    EXPECT_EQ(ReasonOf(Check(fmt::format(
                  "namespaces: [{{name: a, backend: second, consistency: eventual{}}}]\n", more))),
              "OK");
  }
}

TEST_F(UnbindableTest, EveryMistakeIsSaidAtOnce) {
  const Status refused = Check(
      "namespaces:\n"
      "  - {name: a, backend: main, pattern: queue}\n"
      "  - name: b\n    pattern: outbx\n"
      "    slots:\n"
      "      one: {backend: main, interface: queue_basic}\n"
      "      two: {backend: second, interface: pubsub_basic}\n"
      "  - {name: broken, backend: main}\n");
  ASSERT_EQ(ReasonOf(refused), "CONFIG_UNBINDABLE");
  std::vector<std::string> said;
  for (const auto& field : refused.error().fields()) {
    said.push_back(field.field + " " + field.description.substr(0, field.description.find(':')));
  }
  EXPECT_THAT(said, ::testing::ElementsAre("namespaces.a INTERFACE_NOT_BOUND",
                                           "namespaces.b PATTERN_NOT_INSTALLED",
                                           "namespaces.b.slots.one INTERFACE_NOT_BOUND",
                                           "namespaces.b.slots.two INTERFACE_NOT_BOUND",
                                           "namespaces.broken FILE_DAMAGED"));
}

TEST_F(UnbindableTest, OfManyMistakesTheFirstAreNamed) {
  std::string text = "namespaces:\n";
  for (int i = 0; i < 300; ++i) {
    text += fmt::format("  - {{name: n{}, backend: main, pattern: queue}}\n", i);
  }
  const Status refused = Check(text);
  ASSERT_EQ(ReasonOf(refused), "CONFIG_UNBINDABLE");
  EXPECT_EQ(refused.error().fields().size(), 100u);
  EXPECT_THAT(refused.error().message(), HasSubstr("300 mistakes"));
}

TEST_F(UnbindableTest, WhatIsThereAlreadyStaysAsItIs) {
  Use("namespaces: [{name: old, backend: main, pattern: queue}]\n");
  EXPECT_EQ(ReasonOf(Check("namespaces:\n  - {name: old, backend: main, pattern: queue}\n"
                           "  - {name: new, backend: main}\n")),
            "OK");
  EXPECT_EQ(ReasonOf(Check("namespaces: [{name: old, backend: main, pattern: queue, owner: ann}]\n",
                           true)),
            "INTERFACE_NOT_BOUND");
}

}  // namespace
}  // namespace prism::gateway
