#include "branching/instances/run_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

class ServerLogTest : public ::testing::Test {
 protected:
  // As its server writes it.
  void Print(const std::string& text) { server_ << text << std::flush; }
  std::uint64_t Size() const { return std::filesystem::file_size(directory_.log()); }
  void Bound() {
    const Status bounded = directory_.BoundLog();
    ASSERT_TRUE(bounded) << bounded.error().ToString();
  }

  base::testing::TempDirectory own_;
  RunDirectory directory_{own_.path()};
  std::ofstream server_{directory_.log(), std::ios::app};
};

TEST_F(ServerLogTest, IsEmptiedWhenItHasGrown) {
  Print(std::string(RunDirectory::kMostLog, 'x') + "the end\n");
  Bound();
  EXPECT_LT(Size(), 200U);
  const std::string before = testing::ReadText(directory_.log() + ".1");
  EXPECT_EQ(before.size(), RunDirectory::kKeptLog);
  EXPECT_TRUE(before.ends_with("xthe end\n"));
  Print("later\n");
  const std::string now = testing::ReadText(directory_.log());
  EXPECT_TRUE(now.starts_with("Prism: this log had 16777224 bytes")) << now;
  EXPECT_TRUE(now.ends_with("log.1\nlater\n")) << now;
}

TEST_F(ServerLogTest, StaysAsItIsUntilThen) {
  Print(std::string(RunDirectory::kMostLog, 'x'));
  Bound();
  EXPECT_EQ(Size(), RunDirectory::kMostLog);
  EXPECT_FALSE(std::filesystem::exists(directory_.log() + ".1"));
}

TEST_F(ServerLogTest, IsNotLookedForBehindALink) {
  std::filesystem::rename(directory_.log(), own_.File("elsewhere"));
  std::filesystem::create_symlink(own_.File("elsewhere"), directory_.log());
  Print(std::string(RunDirectory::kMostLog + 1, 'x'));
  EXPECT_EQ(directory_.BoundLog().error().reason(), "INSTANCE_FILES");
  std::filesystem::remove(directory_.log());
  Bound();
}

}  // namespace
}  // namespace prism::branching
