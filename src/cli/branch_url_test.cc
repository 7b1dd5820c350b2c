#include "cli/branch_url.h"

#include <gtest/gtest.h>

namespace prism::cli {
namespace {

TEST(BranchUrlTest, NamesTheBranchBehindTheUser) {
  EXPECT_EQ(BranchUrl({.branch = "pr-12"}),
            "postgresql://postgres%40pr-12@127.0.0.1:5432/postgres");
  EXPECT_EQ(BranchUrl({.branch = "pr-12",
                       .user = "ann",
                       .database = "shop",
                       .host = "db.example.com",
                       .port = 6432}),
            "postgresql://ann%40pr-12@db.example.com:6432/shop");
}

TEST(BranchUrlTest, EncodesWhatMeansSomethingInUrls) {
  EXPECT_EQ(BranchUrl({.branch = "feature/X 12?", .user = "a:b", .database = "d#%"}),
            "postgresql://a%3Ab%40feature%2FX%2012%3F@127.0.0.1:5432/d%23%25");
  EXPECT_EQ(BranchUrl({.branch = "caf\xc3\xa9"}),
            "postgresql://postgres%40caf%C3%A9@127.0.0.1:5432/postgres");
}

TEST(BranchUrlTest, AnAtOfANameIsDoubled) {
  EXPECT_EQ(BranchUrl({.branch = "b", .user = "ann@example.com", .database = "d@1"}),
            "postgresql://ann%40%40example.com%40b@127.0.0.1:5432/d%40%401");
}

TEST(BranchUrlTest, HostsAreNamesAddressesAndDirectories) {
  EXPECT_EQ(BranchUrl({.branch = "b", .host = "::1"}),
            "postgresql://postgres%40b@[::1]:5432/postgres");
  EXPECT_EQ(BranchUrl({.branch = "b", .host = "/run/prism"}),
            "postgresql://postgres%40b@%2Frun%2Fprism:5432/postgres");
}

}  // namespace
}  // namespace prism::cli
