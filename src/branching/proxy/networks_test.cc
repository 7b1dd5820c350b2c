#include "branching/proxy/networks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace prism::branching {
namespace {

Networks Of(const std::vector<std::string>& texts) { return Networks::Parse(texts).value(); }

TEST(Networks, ContainPeers) {
  const Networks networks =
      Of({"10.0.0.0/8", "192.0.2.7", "192.0.2.64/26", "2001:db8::/32", "fe80::1/128"});
  for (const char* peer : {"10.255.0.1:5", "192.0.2.7:65535", "192.0.2.64:1", "192.0.2.127:1",
                           "[2001:db8:1::5]:80", "[fe80::1]:1", "[::ffff:10.1.2.3]:9"}) {
    EXPECT_TRUE(networks.Contains(peer)) << peer;
  }
  for (const char* peer : {"11.0.0.1:5", "192.0.2.8:1", "192.0.2.63:1", "192.0.2.128:1",
                           "[2001:db9::1]:80", "[fe80::2]:1", "unix:", "unix:/tmp/x", "unknown"}) {
    EXPECT_FALSE(networks.Contains(peer)) << peer;
  }
  EXPECT_FALSE(Of({}).Contains("10.0.0.1:1"));
  EXPECT_TRUE(Of({"0.0.0.0/0"}).Contains("10.0.0.1:1"));
  EXPECT_FALSE(Of({"0.0.0.0/0"}).Contains("[2001:db8::1]:1"));
}

TEST(Networks, AreWrittenInOneWay) {
  for (const char* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0.1/8", "::1/129",
        "::1/64", "localhost", "10.0.0", "10.0.0.0/8/8"}) {
    const auto networks = Networks::Parse(std::vector<std::string>{text});
    ASSERT_FALSE(networks) << text;
    EXPECT_EQ(networks.error().reason(), "BAD_NETWORK");
  }
}

}  // namespace
}  // namespace prism::branching
