#include "branching/branches/branch_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace prism::branching {

bool SaysDamage(const Error& error) {
  constexpr auto kReasons = std::to_array<std::string_view>(
      {"INSTANCE_START_FAILED", "NOT_A_DATA_DIRECTORY", "VOLUME_NOT_FOUND"});
  return std::ranges::find(kReasons, error.reason()) != kReasons.end();
}

Error Busy(const std::string& name) {
  return Error(
      Code::kAborted, "BRANCH_BUSY",
      fmt::format("branch \"{}\" is being started, stopped, copied or made: try again", name));
}

Error InUse(const std::string& name, int clients) {
  return Error(
      Code::kFailedPrecondition, "BRANCH_IN_USE",
      fmt::format("{} in branch \"{}\": wait until they have left, or cut them off "
                  "(force)",
                  clients == 1 ? "1 client is" : fmt::format("{} clients are", clients), name));
}

Error Protected(const std::string& name) {
  return Error(Code::kFailedPrecondition, "BRANCH_PROTECTED",
               fmt::format("branch \"{}\" is protected: take that away first (prism branch "
                           "unprotect)",
                           name));
}

Error Exists(const std::string& name) {
  return Error(Code::kAlreadyExists, "BRANCH_EXISTS",
               fmt::format("there is a branch \"{0}\": take another name, or delete it for good "
                           "(prism branch delete {0} --purge)",
                           name));
}

Error DeletedExists(const std::string& name) {
  return Error(Code::kAlreadyExists, "BRANCH_EXISTS",
               fmt::format("there is a deleted branch \"{0}\": take it back (prism branch undelete "
                           "{0}), give it up (prism branch delete {0} --purge), or take another "
                           "name",
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
  return {
      Code::kResourceExhausted, "TOO_MANY_SNAPSHOTS",
      fmt::format("{} snapshots of branch \"{}\" were taken, the most that there may be: delete "
                  "one (prism branch delete-snapshot)",
                  most, branch)};
}

Error BadSourceName(const std::string& name) {
  return {Code::kInvalidArgument, "BAD_SOURCE_NAME",
          fmt::format("\"{}\" can't name a source: 1 to 63 of a-z, 0-9, _ and -, beginning with a "
                      "letter or digit",
                      name.substr(0, 100))};
}

Error TooManySources(std::size_t most) {
  return {Code::kResourceExhausted, "TOO_MANY_SOURCES",
          fmt::format("there are {} sources, the most that there may be: remove one", most)};
}

Error NoSource(const std::string& name) {
  return {Code::kNotFound, "SOURCE_NOT_FOUND",
          fmt::format("there is no source \"{}\": `prism branch source list` shows those that "
                      "there are",
                      name.substr(0, 100))};
}

Error SourceBusy(const std::string& name) {
  return {Code::kAborted, "SOURCE_BUSY",
          fmt::format("source \"{}\" is being added or removed, or clients are waiting for it: "
                      "try again",
                      name)};
}

Error IsDefaultSource() {
  return {Code::kFailedPrecondition, "DEFAULT_SOURCE",
          "the source of the configuration stays: name another one there (branching.source)"};
}

Error SourceInUse(const std::string& name, const std::string& branch) {
  return {Code::kFailedPrecondition, "SOURCE_IN_USE",
          fmt::format("branch \"{}\" was made of source \"{}\": delete it first", branch, name)};
}

Error SourceKept(const std::string& name, const std::string& branch) {
  return {Code::kFailedPrecondition, "SOURCE_IN_USE",
          fmt::format("branch \"{}\", which was deleted and can be had back, was made of source "
                      "\"{}\": wait for the end of its undo period, or give it up (prism branch "
                      "delete --purge, or force)",
                      branch, name)};
}

Error ManagedAlready(const std::string& path, const std::string& source) {
  return {Code::kAlreadyExists, "SOURCE_MANAGED_ALREADY",
          fmt::format("source \"{}\" runs the server of {}: name another directory", source, path)};
}

Error HasChildren(const std::string& name, const std::string& child) {
  return Error(Code::kFailedPrecondition, "BRANCH_HAS_CHILDREN",
               fmt::format("branch \"{}\" was made of branch \"{}\": delete it first, or all of "
                           "them (recursive)",
                           child, name));
}

}  // namespace prism::branching
