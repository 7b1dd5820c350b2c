#include "rpc/call/local_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace prism::rpc {
namespace {

using ::testing::HasSubstr;

Status Ask(std::string_view authority, std::string_view listen = "127.0.0.1:8980",
           std::string_view name = ":authority") {
  RequestHeaders headers;
  EXPECT_TRUE(headers.Add(name, authority, 1 << 20));
  return LocalHosts(listen).Check(headers);
}

TEST(LocalHostsTest, AnswersToAddressesAndToLocalhost) {
  for (const char* authority :
       {"127.0.0.1:8980", "127.0.0.1", "10.0.0.1:1", "2130706433", "[::1]:8980", "[::1]",
        "localhost:8980", "LocalHost", "localhost.:80", "app.localhost:8980", "127.0.0.1.", ""}) {
    EXPECT_TRUE(Ask(authority)) << authority;
  }
  EXPECT_TRUE(LocalHosts("127.0.0.1:8980").Check(RequestHeaders()));
}

TEST(LocalHostsTest, RefusesTheNamesThatAPageCouldHave) {
  for (const char* authority :
       {"attacker.example", "attacker.example:8980", "127.0.0.1.attacker.example:8980",
        "localhost.attacker.example", "notlocalhost", "localhost:80@attacker.example",
        "attacker.example:", "1e100.net"}) {
    const Status refused = Ask(authority);
    ASSERT_FALSE(refused) << authority;
    EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
    EXPECT_EQ(refused.error().reason(), "HOST_NOT_ALLOWED");
    EXPECT_THAT(refused.error().message(), HasSubstr("localhost"));
  }
}

TEST(LocalHostsTest, AnswersToTheNameItListensUnder) {
  EXPECT_TRUE(Ask("prism.internal:1", "Prism.internal:8980"));
  EXPECT_FALSE(Ask("other.internal:8980", "prism.internal:8980"));
  EXPECT_FALSE(Ask("x", ":8980"));
}

TEST(LocalHostsTest, AHostHeaderStandsForAMissingAuthority) {
  EXPECT_FALSE(Ask("attacker.example", "127.0.0.1:1", "host"));
  EXPECT_TRUE(Ask("localhost", "127.0.0.1:1", "host"));
}

TEST(LocalHostsTest, AMessageRepeatsSoMuchOfAName) {
  EXPECT_LT(Ask(std::string(5000, 'a')).error().message().size(), 600U);
}

}  // namespace
}  // namespace prism::rpc
