#include "cli/branch_tree.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

class Tree {
 public:
  explicit Tree(std::span<const pb::Branch> branches) {
    std::set<std::string_view> names;
    for (const pb::Branch& branch : branches) names.insert(branch.name());
    for (const pb::Branch& branch : branches) {
      const bool has_parent = names.contains(branch.parent()) && branch.parent() != branch.name();
      below_[has_parent ? branch.parent() : std::string_view()].push_back(&branch);
    }
  }

  std::vector<TreeLine> Lines() {
    for (const pb::Branch* root : below_[""]) {
      lines_.push_back({.branch = root, .indent = ""});
      AddBelow(*root, "");
    }
    return std::move(lines_);
  }

 private:
  // `lead`: what stands before all that is below.
  void AddBelow(const pb::Branch& parent, const std::string& lead) {
    const auto found = below_.find(parent.name());
    if (found == below_.end()) return;
    for (const pb::Branch* child : found->second) {
      const bool last = child == found->second.back();
      lines_.push_back({.branch = child, .indent = lead + (last ? "└─ " : "├─ ")});
      AddBelow(*child, lead + (last ? "   " : "│  "));
    }
  }

  std::map<std::string_view, std::vector<const pb::Branch*>> below_;
  std::vector<TreeLine> lines_;
};

}  // namespace

std::vector<TreeLine> BranchTree(std::span<const pb::Branch> branches) {
  return Tree(branches).Lines();
}

}  // namespace prism::cli
