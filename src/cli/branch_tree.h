// Branches as people see them: each below what it was made of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "prism/admin/v1/branches.pb.h"

namespace prism::cli {

struct TreeLine {
  const prism::admin::v1::Branch* branch;
  std::string indent;  // the lines that lead to it: "", "├─ ", "│  └─ "
};

// Branches of the source first level, by name; the rest below their parents. Those whose parent is
// not among them stand on the first level, too.
std::vector<TreeLine> BranchTree(std::span<const prism::admin::v1::Branch> branches);

}  // namespace prism::cli
