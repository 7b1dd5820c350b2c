#include "namespaces/store/high_water.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"

namespace prism::namespaces {
namespace {

class HighWaterTest : public ::testing::Test {
 protected:
  static HighWater Mark(std::int64_t revision) {
    return {.store_id = "01HZZZZZZZZZZZZZZZZZZZZZZZ",
            .revision = revision,
            .history_hash = std::string(64, 'a')};
  }
  void Overwrite(std::streamoff at, std::string_view bytes) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("config.db.revision");
};

TEST_F(HighWaterTest, AFreshFileHasNone) {
  const auto file = HighWaterFile::Open(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->Read(), std::nullopt);
}

TEST_F(HighWaterTest, TheNewestMarkIsFound) {
  for (std::int64_t revision = 1; revision <= 5; ++revision) {
    ASSERT_TRUE(HighWaterFile::Open(path_)->Write(Mark(revision)));
    EXPECT_EQ(*HighWaterFile::Open(path_)->Read(), Mark(revision));
  }
}

TEST_F(HighWaterTest, ATornWriteLeavesTheMarkBefore) {
  auto file = HighWaterFile::Open(path_);
  ASSERT_TRUE(file->Write(Mark(6)));
  ASSERT_TRUE(file->Write(Mark(7)));
  Overwrite(512 + 40, "torn");
  EXPECT_EQ(*file->Read(), Mark(6));
}

TEST_F(HighWaterTest, PlacesAreWrittenInTurnAcrossStarts) {
  for (std::int64_t revision = 6; revision <= 7; ++revision) {
    ASSERT_TRUE(HighWaterFile::Open(path_)->Write(Mark(revision)));
  }
  Overwrite(512 + 40, "torn");
  EXPECT_EQ(*HighWaterFile::Open(path_)->Read(), Mark(6));
}

TEST_F(HighWaterTest, AChainThatGrowsMakesAMarkNewer) {
  HighWater mark = Mark(6);
  for (std::int64_t id = 0; id < 5; ++id) {
    mark.chain = {id, id == 0 ? std::string() : std::string(64, 'b')};
    ASSERT_TRUE(HighWaterFile::Open(path_)->Write(mark));
    EXPECT_EQ(*HighWaterFile::Open(path_)->Read(), mark);
  }
}

TEST_F(HighWaterTest, AChainIsRememberedBeforeThereIsAConfiguration) {
  const HighWater mark = {.chain = sqlite::ChainHead{1, std::string(64, 'b')}};
  ASSERT_TRUE(HighWaterFile::Open(path_)->Write(mark));
  EXPECT_EQ(*HighWaterFile::Open(path_)->Read(), mark);
}

TEST_F(HighWaterTest, DamageIsNotTakenForAFreshFile) {
  auto file = HighWaterFile::Open(path_);
  ASSERT_TRUE(file->Write(Mark(6)));
  Overwrite(30, "9");
  ASSERT_FALSE(file->Read());
  EXPECT_EQ(file->Read().error().reason(), "CONFIG_STORE_DAMAGED");
  std::filesystem::resize_file(path_, 100);
  EXPECT_EQ(file->Read().error().reason(), "CONFIG_STORE_DAMAGED");
}

TEST_F(HighWaterTest, SaysWhatIsWrongWithTheFile) {
  const auto file = HighWaterFile::Open(directory_.File("none/config.db.revision"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().reason(), "FILE_UNREADABLE");
}

}  // namespace
}  // namespace prism::namespaces
