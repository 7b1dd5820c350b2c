#include "models/keyvalue/scan_plan.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

using keyvalue::v1::ScanKeysRequest;
using keyvalue::v1::ScanRequest;

class Scans : public ::testing::Test {
 protected:
  ScanPlan Plan(const ScanRequest& request) { return *ScanPlan::From(request, "orders", key_); }
  std::string Reason(const ScanRequest& request) {
    const auto plan = ScanPlan::From(request, "orders", key_);
    return plan ? "" : std::string(plan.error().reason());
  }

  const TokenKey key_ = TokenKey::Random();
};

TEST_F(Scans, HaveACheckpointEvery1000EntriesAndAtTheEnd) {
  ScanRequest request;
  request.set_prefix("user:");
  ScanPlan plan = Plan(request);
  for (int page = 0; page < 3; ++page) {
    EXPECT_EQ(plan.Next().max_entries, 250U);
    EXPECT_FALSE(plan.Advance(250, "user:a", false));
  }
  EXPECT_FALSE(plan.Advance(100, "user:b", false));
  EXPECT_EQ(plan.Next().max_entries, 150U) << "a checkpoint is not late";
  EXPECT_EQ(plan.Next().after, "user:b");
  EXPECT_TRUE(plan.Advance(150, "user:c", false)) << "1000 entries";
  EXPECT_FALSE(plan.done());
  EXPECT_FALSE(plan.Advance(0, "user:d", false)) << "an empty page in between";
  EXPECT_EQ(plan.Advance(1, "", true), "") << "nothing is left: no token";
  EXPECT_TRUE(plan.done());
}

TEST_F(Scans, GoOnWhereTheLimitEndedThem) {
  ScanRequest request;
  request.set_prefix("user:");
  request.set_limit(3);
  ScanPlan plan = Plan(request);
  EXPECT_EQ(plan.Next().max_entries, 3U);
  const auto token = plan.Advance(3, "user:c", false);
  ASSERT_TRUE(token && !token->empty());
  EXPECT_TRUE(plan.done());

  request.set_page_token(*token);
  const ScanPlan next = Plan(request);
  EXPECT_EQ(next.Next().after, "user:c");
  EXPECT_EQ(next.Next().prefix, "user:");

  request.set_prefix("use");
  EXPECT_EQ(Reason(request), "PAGE_TOKEN_MISMATCH");
  ScanKeysRequest keys;
  keys.set_prefix("user:");
  keys.set_page_token(*token);
  EXPECT_FALSE(ScanPlan::From(keys, "orders", key_)) << "another method's token";
}

TEST_F(Scans, OfKeysReadNoValues) {
  ScanRequest request;
  EXPECT_FALSE(Plan(request).Next().keys_only);
  request.set_keys_only(true);
  EXPECT_TRUE(Plan(request).Next().keys_only);
  EXPECT_TRUE(ScanPlan::From(ScanKeysRequest(), "orders", key_)->Next().keys_only);
}

TEST_F(Scans, RefuseWhatIsWrong) {
  ScanRequest request;
  request.set_limit(-1);
  EXPECT_EQ(Reason(request), "LIMIT_NEGATIVE");
  request.set_prefix(std::string(1025, 'k'));
  EXPECT_EQ(Reason(request), "PREFIX_TOO_LONG");
}

}  // namespace
}  // namespace prism::models
