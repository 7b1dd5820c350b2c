#include "base/scratch_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

namespace prism::base {
namespace {

TEST(ScratchDirectory, IsPrivateAndGoesWithWhatIsInIt) {
  auto made = ScratchDirectory::Make("prism-test");
  ASSERT_TRUE(made) << made.error().ToString();
  std::optional<ScratchDirectory> moved(*std::move(made));
  const std::string path = moved->path();
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
  std::ofstream(moved->File("a")) << "b";
  EXPECT_TRUE(std::filesystem::exists(path + "/a"));
  moved.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ScratchDirectory, SaysWhyItCantBeMade) {
  const auto made = ScratchDirectory::Make("not/there/prism-test");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason(), "TEMPORARY_DIRECTORY_UNUSABLE");
  EXPECT_NE(made.error().message().find("TMPDIR"), std::string::npos);
}

}  // namespace
}  // namespace prism::base
