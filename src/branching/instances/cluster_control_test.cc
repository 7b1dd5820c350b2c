#include "branching/instances/cluster_control.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::branching {
namespace {

std::string Text(const std::string& state, const std::string& timeline = "2") {
  return "Database system identifier: 7\nDatabase cluster state:     " + state +
         "\nLatest checkpoint location:           0/1500028\n"
         "Latest checkpoint's TimeLineID: " +
         timeline + "\nmax_prepared_xacts setting: 0\nData page checksum version: 1\n";
}

TEST(ClusterControlTest, ParsesEachState) {
  const auto state = [](const std::string& text) { return ParseClusterControl(Text(text))->state; };
  EXPECT_EQ(state("in archive recovery"), ClusterState::kStandby);
  EXPECT_EQ(state("shut down in recovery"), ClusterState::kStandbyShutDown);
  EXPECT_EQ(state("shutting down"), ClusterState::kNeedsRecovery);
  EXPECT_EQ(state("shut down"), ClusterState::kShutDown);
  const auto control = ParseClusterControl(Text("shut down"));
  EXPECT_TRUE(control->checksums);
  EXPECT_EQ(control->timeline, 2);
  EXPECT_EQ(control->checkpoint_lsn, "0/1500028");
}

TEST(ClusterControlTest, SaysWhatIsNotUnderstood) {
  const auto message = [](const std::string& text) {
    const auto control = ParseClusterControl(text);
    EXPECT_FALSE(control) << text.substr(0, 200);
    EXPECT_EQ(control.error().reason(), "CONTROL_FILE_UNREADABLE");
    return std::string(control.error().message());
  };
  EXPECT_TRUE(message(Text("of art")).contains("'of art'"));
  EXPECT_TRUE(message("Database cluster state: shut down\n").contains("missing"));
  EXPECT_TRUE(message("").contains("its state is ''"));
  EXPECT_TRUE(message(Text("shut down", "4294967296")).contains("missing"));
  EXPECT_TRUE(message(Text("shut down", "-1")).contains("below zero"));
  EXPECT_TRUE(message("WARNING: Calculated CRC checksum does not match\n" + Text("shut down"))
                  .contains("Calculated CRC"));
  EXPECT_LT(message("WARNING" + std::string(100'000, 'x')).size(), 400U);
}

}  // namespace
}  // namespace prism::branching
