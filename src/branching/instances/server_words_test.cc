#include "branching/instances/server_words.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"

namespace prism::branching {
namespace {

TEST(ServerWordsTest, TheFirstLineIsANumberOrNone) {
  EXPECT_EQ(NumberOfFirstLine("15\n"), 15);
  EXPECT_EQ(NumberOfFirstLine(" 4711 \n/data\n"), 4711);
  EXPECT_EQ(NumberOfFirstLine("-1"), -1);
  for (const char* const text : {"", "\n", "9.6\n", "x", "1 2", "2147483648", "+1", "1\r\n"}) {
    EXPECT_EQ(NumberOfFirstLine(text), std::nullopt) << text;
  }
}

TEST(ServerWordsTest, APidFileSaysReadyInItsEighthLine) {
  EXPECT_TRUE(PidFileSaysReady("1\n2\n3\n4\n5\n6\n7\nready   \n"));
  EXPECT_FALSE(PidFileSaysReady("1\n2\n3\n4\n5\n6\n7\nstarting\n"));
  EXPECT_FALSE(PidFileSaysReady("1\n2\n3\n4\n5\n6\nready   \n"));
  EXPECT_FALSE(PidFileSaysReady("1\n2\n3\n4\n5\n6\n7\n8\nready   \n"));
  EXPECT_FALSE(PidFileSaysReady("ready"));
  EXPECT_FALSE(PidFileSaysReady(""));
}

TEST(ServerWordsTest, AMessageSaysReadyInAnyLine) {
  EXPECT_TRUE(MessageSaysReady("READY=1"));
  EXPECT_TRUE(MessageSaysReady("STATUS=fine\nREADY=1\n"));
  EXPECT_FALSE(MessageSaysReady("READY=10"));
  EXPECT_FALSE(MessageSaysReady("NOT_READY=1\nSTOPPING=1"));
  EXPECT_FALSE(MessageSaysReady(""));
}

TEST(ServerWordsTest, FilesAreReadUpToABound) {
  const base::testing::TempDirectory directory;
  const std::string path = directory.File("file");
  EXPECT_EQ(ReadServerFile(path), std::nullopt);
  std::ofstream(path) << "text";
  EXPECT_EQ(ReadServerFile(path), "text");
  std::ofstream(path) << std::string(100'000, 'x');
  EXPECT_EQ(ReadServerFile(path)->size(), 8192U);
  std::filesystem::create_symlink(path, directory.File("link"));
  EXPECT_EQ(ReadServerFile(directory.File("link")), std::nullopt);
  EXPECT_EQ(ReadServerFile(directory.path()), std::nullopt);
  // Nobody writes to it, nor will.
  ASSERT_EQ(::mkfifo(directory.File("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadServerFile(directory.File("pipe")), "");
}

}  // namespace
}  // namespace prism::branching
