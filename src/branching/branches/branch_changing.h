// Who changes a branch changes it alone.
#pragma once

#include "branching/branches/branch_slot.h"

namespace prism::branching {

// While somebody changes a branch.
class Changing {
 public:
  explicit Changing(BranchSlot& slot) : slot_(slot) { slot_.changing = true; }
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;
  ~Changing() { slot_.changing = false; }

 private:
  BranchSlot& slot_;
};

}  // namespace prism::branching
