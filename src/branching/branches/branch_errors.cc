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

Error SnapshotExists(const std::string& branch, const std::string& name) {
  return {Code::kAlreadyExists, "SNAPSHOT_EXISTS",
          fmt::format("branch \"{}\" has a snapshot \"{}\": delete it, or take another name",
                      branch, name)};
}

Error NoSnapshot(const std::string& branch, const std::string& name) {
  return {Code::kNotFound, "SNAPSHOT_NOT_FOUND",
          fmt::format("branch \"{}\" has no snapshot \"{}\": `prism branch snapshots` shows those "
                      "that it has",
                      branch, name.substr(0, 100))};
}

Error BadSnapshotName(const std::string& name) {
  return {Code::kInvalidArgument, "BAD_SNAPSHOT_NAME",
          fmt::format("\"{}\" can't name a snapshot: 1 to 63 of a-z, 0-9, _ and -, beginning with "
                      "a letter or digit",
                      name.substr(0, 100))};
}

Error TooManySnapshots(const std::string& branch, std::size_t most) {
  return {Code::kResourceExhausted, "TOO_MANY_SNAPSHOTS",
          fmt::format("branch \"{}\" has {} snapshots, the most that there may be: delete one",
                      branch, most)};
}

Error HasChildren(const std::string& name, const std::string& child) {
  return Error(Code::kFailedPrecondition, "BRANCH_HAS_CHILDREN",
               fmt::format("branch \"{}\" was made of branch \"{}\": delete it first, or all of "
                           "them (recursive)",
                           child, name));
}

}  // namespace prism::branching
