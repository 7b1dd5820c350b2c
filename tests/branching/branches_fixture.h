// For tests: branches of a template, whose table `things` has 100 rows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/branching/house.h"
#include "tests/servers/postgres.h"

namespace prism::branching::testing {

class BranchesTest : public ::testing::Test {
 protected:
  // On btrfs.
  BranchesTest() = default;
  BranchesTest(const std::string& file_system, const std::string& driver)
      : ground_(file_system, driver) {}

  static void SetUpTestSuite() {
    postgres = std::make_unique<prism::testing::PostgresServer>();
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    Ask(admin, "CREATE TABLE things AS SELECT generate_series(1, 100) AS id");
    postgres->Stop();
  }
  static void TearDownTestSuite() { postgres.reset(); }

  void Open(const BranchLimits& limits = {}) {
    house_.reset();
    house_ = std::make_unique<House>(ground_, postgres->data_directory(), limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  std::string OpenError() {
    house_ = std::make_unique<House>(ground_, postgres->data_directory(), BranchLimits{});
    std::string error = house_->started() ? "" : house_->started().error().ToString();
    house_.reset();
    return error;
  }
  // Ends all servers: a test leaves nothing behind.
  void TearDown() override {
    if (!house_) return;
    Open({.idle_timeout = 1});
    AwaitTrue([&] { return AllRest(); });
  }
  bool AllRest() {
    return std::ranges::all_of(house_->manager().List(), [](const BranchStatus& branch) {
      return branch.state == BranchState::kStopped || branch.state == BranchState::kDeleted;
    });
  }
  bool AllAre(BranchState state) {
    return std::ranges::all_of(house_->manager().List(), [state](const BranchStatus& branch) {
      return branch.state == state;
    });
  }

  static inline std::unique_ptr<prism::testing::PostgresServer> postgres;
  Ground ground_;
  std::unique_ptr<House> house_;
};

}  // namespace prism::branching::testing
