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
  explicit Tree(std::span<const pb::Branch> branches) : branches_(branches) {
    std::set<std::string_view> names;
    for (const pb::Branch& branch : branches) names.insert(branch.name());
    for (const pb::Branch& branch : branches) {
      const bool has_parent = names.contains(branch.parent()) && branch.parent() != branch.name();
      below_[has_parent ? branch.parent() : std::string_view()].push_back(&branch);
    }
  }

  std::vector<TreeLine> Lines() {
    for (const pb::Branch* root : below_[""]) AddRoot(*root);
    // Parents in a circle have no root: one of them stands for it, so that nothing is hidden.
    for (const pb::Branch& branch : branches_) AddRoot(branch);
    return std::move(lines_);
  }

 private:
  void AddRoot(const pb::Branch& root) {
    if (!shown_.insert(&root).second) return;
    lines_.push_back({.branch = &root, .indent = ""});
    AddBelow(root, "");
  }

  // `lead`: what stands before all that is below.
  void AddBelow(const pb::Branch& parent, const std::string& lead) {
    const auto found = below_.find(parent.name());
    if (found == below_.end()) return;
    std::vector<const pb::Branch*> children = found->second;
    std::erase_if(children, [this](const pb::Branch* child) { return shown_.contains(child); });
    for (const pb::Branch* child : children) {
      const bool last = child == children.back();
      shown_.insert(child);
      lines_.push_back({.branch = child, .indent = lead + (last ? "└─ " : "├─ ")});
      AddBelow(*child, lead + (last ? "   " : "│  "));
    }
  }

  std::span<const pb::Branch> branches_;
  std::map<std::string_view, std::vector<const pb::Branch*>> below_;
  std::set<const pb::Branch*> shown_;
  std::vector<TreeLine> lines_;
};

}  // namespace

std::vector<TreeLine> BranchTree(std::span<const pb::Branch> branches) {
  return Tree(branches).Lines();
}

}  // namespace prism::cli
