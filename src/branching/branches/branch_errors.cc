#include "branching/branches/branch_errors.h"

#include <fmt/format.h>

namespace prism::branching {

Error Busy(const std::string& name) {
  return Error(Code::kAborted, "BRANCH_BUSY",
               fmt::format("branch \"{}\" is being started, stopped or made: try again", name));
}

Error InUse(const std::string& name, int clients) {
  return Error(Code::kFailedPrecondition, "BRANCH_IN_USE",
               fmt::format("{} clients are in branch \"{}\": wait until they have left, or cut "
                           "them off (force)",
                           clients, name));
}

Error Protected(const std::string& name) {
  return Error(Code::kFailedPrecondition, "BRANCH_PROTECTED",
               fmt::format("branch \"{}\" is protected: take that away first (prism branch "
                           "unprotect)",
                           name));
}

Error Exists(const std::string& name) {
  return Error(Code::kAlreadyExists, "BRANCH_EXISTS",
               fmt::format("there is a branch \"{}\": delete it, and wait for the end of its undo "
                           "period, or take another name",
                           name));
}

Error NotDeleted(const std::string& name) {
  return Error(Code::kFailedPrecondition, "BRANCH_NOT_DELETED",
               fmt::format("branch \"{}\" is not deleted", name));
}

Error HasChildren(const std::string& name, const std::string& child) {
  return Error(Code::kFailedPrecondition, "BRANCH_HAS_CHILDREN",
               fmt::format("branch \"{}\" was made of branch \"{}\": delete it first, or all of "
                           "them (recursive)",
                           child, name));
}

}  // namespace prism::branching
