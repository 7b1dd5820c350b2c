#include "cli/diff.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

namespace prism::cli {
namespace {

TEST(DiffTest, EqualTextsHaveNone) {
  EXPECT_EQ(UnifiedDiff("a\nb\n", "a\nb\n", "x", "y"), "");
  EXPECT_EQ(UnifiedDiff("", "", "x", "y"), "");
}

TEST(DiffTest, ChangesStandBetweenThreeLines) {
  EXPECT_EQ(
      UnifiedDiff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "old", "new"),
      "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(DiffTest, WhatWasNotThereOrIsGone) {
  EXPECT_EQ(UnifiedDiff("", "a\nb\n", "x", "y"), "--- x\n+++ y\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  EXPECT_EQ(UnifiedDiff("a\n", "", "x", "y"), "--- x\n+++ y\n@@ -1 +0,0 @@\n-a\n");
}

TEST(DiffTest, ColoursTellWhatIsOld) {
  EXPECT_EQ(ColoredDiff("--- x\n@@ -1 +1 @@\n-a\n+b\n c\n"),
            "\x1b[1m--- x\x1b[0m\n\x1b[36m@@ -1 +1 @@\x1b[0m\n\x1b[31m-a\x1b[0m\n"
            "\x1b[32m+b\x1b[0m\n c\n");
}

// The program that everybody has takes random differences, and makes the one text from the other.
TEST(DiffTest, PatchUnderstandsIt) {
  const std::string directory = testing::TempDir() + "prism-diff-" + std::to_string(getpid());
  std::filesystem::create_directories(directory);
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const auto text = [&random](std::size_t lines) {
      std::string all;
      for (std::size_t i = 0; i < lines; ++i) all += std::to_string(random() % 6) + "\n";
      return all;
    };
    const std::string before = text(random() % 40 + 1);
    const std::string after = text(random() % 40 + 1);
    std::ofstream(directory + "/file") << before;
    std::ofstream(directory + "/diff") << UnifiedDiff(before, after, "file", "file");
    const std::string command = "cd " + directory + " && patch -s file < diff";
    if (before != after) ASSERT_EQ(std::system(command.c_str()), 0) << before << "//\n" << after;
    std::ostringstream patched;
    patched << std::ifstream(directory + "/file").rdbuf();
    ASSERT_EQ(patched.str(), after);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace prism::cli
