#include "branching/pgwire/startup_options.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prism::branching {
namespace {

std::vector<BranchSetting> Branch(std::string value) {
  return {{.name = "prism.branch", .value = std::move(value)}};
}

// What is left of options that name the branch x.
std::string RestOf(std::string_view options) {
  StartupOptions cut = CutBranchSettings(options);
  EXPECT_EQ(cut.settings, Branch("x")) << options;
  return std::move(cut.rest);
}

TEST(StartupOptions, AllSpellingsOfASettingAreCut) {
  EXPECT_EQ(RestOf("-c prism.branch=x"), "");
  EXPECT_EQ(RestOf("-cprism.branch=x"), "");
  EXPECT_EQ(RestOf("--prism.branch=x"), "");
  EXPECT_EQ(RestOf("-c PRISM.Branch=x"), "");
  EXPECT_EQ(RestOf("-c\t\n prism.branch=x"), "");
}

TEST(StartupOptions, EveryOtherByteIsKept) {
  EXPECT_EQ(RestOf("-c a=b -c prism.branch=x -c c=d"), "-c a=b  -c c=d");
  EXPECT_EQ(RestOf(" \t-c  search_path=a\\ b\\\\c  --prism.branch=x\v"),
            " \t-c  search_path=a\\ b\\\\c  \v");
  EXPECT_EQ(RestOf("-c search_path=a-c,b+d --prism.branch=x"), "-c search_path=a-c,b+d ");
  EXPECT_EQ(RestOf("-e -cprism.branch=x"), "-e ");
  EXPECT_EQ(RestOf("-ec prism.branch=x -d 5"), "-e -d 5");
  EXPECT_EQ(RestOf("-\\ecprism.branch=x"), "-\\e");
}

TEST(StartupOptions, OthersSettingsAreLeftAlone) {
  for (const std::string_view options :
       {"", " ", "-c geqo=off", "--work_mem=1MB", "prism.branch=x", "-c", "-c \\", "--", "-",
        "-c prism=x", "-c xprism.branch=x", "-d prism.branch=x", "-S -c"}) {
    const StartupOptions cut = CutBranchSettings(options);
    EXPECT_EQ(cut.settings, std::vector<BranchSetting>{}) << options;
    EXPECT_EQ(cut.rest, options);
  }
}

TEST(StartupOptions, AnArgumentIsNotASwitch) {
  const StartupOptions cut = CutBranchSettings("-S -c prism.branch=x");
  EXPECT_EQ(cut.settings, std::vector<BranchSetting>{});
  EXPECT_EQ(cut.rest, "-S -c prism.branch=x");
  EXPECT_EQ(RestOf("-S 4 -c prism.branch=x"), "-S 4 ");
  EXPECT_EQ(RestOf("-S4 -c prism.branch=x"), "-S4 ");
}

TEST(StartupOptions, BackslashesTakeTheMeaningFromWhatFollows) {
  EXPECT_EQ(CutBranchSettings("-c prism.branch=a\\ b").settings, Branch("a b"));
  EXPECT_EQ(CutBranchSettings("-c prism.branch=a\\\\b").settings, Branch("a\\b"));
  EXPECT_EQ(CutBranchSettings("-c prism.branch=a\\").settings, Branch("a"));
  EXPECT_EQ(CutBranchSettings("-c pri\\sm.branch=a").settings, Branch("a"));
}

TEST(StartupOptions, SettingsKeepTheirOrderAndMayLackAValue) {
  const StartupOptions cut =
      CutBranchSettings("-c prism.from=a=b -c x=y --prism.TTL= -cprism.branch");
  const std::vector<BranchSetting> expected{{.name = "prism.from", .value = "a=b"},
                                            {.name = "prism.ttl", .value = ""},
                                            {.name = "prism.branch", .value = std::nullopt}};
  EXPECT_EQ(cut.settings, expected);
  EXPECT_EQ(cut.rest, " -c x=y  ");
}

}  // namespace
}  // namespace prism::branching
