#include "app/ready_file.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace prism::app {
namespace {

TEST(ReadyFileTest, HoldsTheAddressesAndThePid) {
  const std::filesystem::path directory = testing::TempDir() + "/prism_ready_file";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  const std::string path = directory / "ready.json";
  ASSERT_TRUE(WriteReadyFile(
      path, {.data = "127.0.0.1:1", .admin = "127.0.0.1:2", .postgres = "127.0.0.1:3"}));
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json["data"], "127.0.0.1:1");
  EXPECT_EQ(json["admin"], "127.0.0.1:2");
  EXPECT_EQ(json["postgres"], "127.0.0.1:3");
  EXPECT_EQ(json["pid"], getpid());
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1);
  std::filesystem::remove_all(directory);
}

TEST(ReadyFileTest, SaysWhyItCantBeWritten) {
  const Status status = WriteReadyFile("/nowhere/at/all", {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "READY_FILE");
}

}  // namespace
}  // namespace prism::app
