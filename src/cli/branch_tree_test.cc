#include "cli/branch_tree.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace prism::cli {
namespace {

std::string Draw(const std::vector<std::pair<std::string, std::string>>& branches) {
  std::vector<prism::admin::v1::Branch> list;
  for (const auto& [name, parent] : branches) {
    list.emplace_back().set_name(name);
    list.back().set_parent(parent);
  }
  std::string drawn;
  for (const TreeLine& line : BranchTree(list)) drawn += line.indent + line.branch->name() + "\n";
  return drawn;
}

TEST(BranchTree, EachStandsBelowItsParent) {
  EXPECT_EQ(Draw({{"a", "source"}, {"b", "d"}, {"c", "b"}, {"d", "source"}, {"e", "d"}}),
            "a\n"
            "d\n"
            "├─ b\n"
            "│  └─ c\n"
            "└─ e\n");
}

TEST(BranchTree, WhoseParentIsGoneStandsAlone) {
  EXPECT_EQ(Draw({{"a", "gone"}, {"b", "a"}}), "a\n└─ b\n");
  EXPECT_EQ(Draw({}), "");
}

TEST(BranchTree, ParentsInACircleHideNothing) {
  EXPECT_EQ(Draw({{"a", "source"}, {"b", "d"}, {"c", "b"}, {"d", "b"}}),
            "a\n"
            "b\n"
            "├─ c\n"
            "└─ d\n");
}

}  // namespace
}  // namespace prism::cli
