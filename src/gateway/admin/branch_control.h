// The way to the PostgreSQL branches for whoever administers them; app/ implements it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "prism/admin/v1/branches.pb.h"
#include "runtime/task.h"

namespace prism::gateway {

// A branch, as prism.admin.v1.Branch describes it.
struct BranchInfo {
  std::string name;
  std::string label;
  std::string parent;
  WallMillis as_of = 0;
  prism::admin::v1::Branch::State state = prism::admin::v1::Branch::STATE_UNSPECIFIED;
  int connections = 0;
  WallMillis created_at = 0;
  std::string created_by;
  WallMillis last_activity = 0;
  std::optional<WallMillis> deleted_at;
  std::optional<WallMillis> remove_at;  // with deleted_at
  bool is_protected = false;
  std::optional<WallMillis> expires_at;
  std::int64_t own_bytes = 0;
  std::int64_t shared_bytes = 0;
  std::optional<WallMillis> measured_at;  // the two
  std::string source = {};                // its name
  std::string source_lsn = {};            // of the last checkpoint of the state that it comes from
};

// A state of a source, as prism.admin.v1.BranchGeneration describes it.
struct GenerationInfo {
  WallMillis created_at = 0;
  std::string checkpoint_lsn;
  int postgres_version = 0;
  std::int64_t size_bytes = 0;
  int timeline = 0;
  std::string system_identifier;
};

// A source, as prism.admin.v1.BranchSource describes it.
struct SourceInfo {
  std::string name;
  prism::admin::v1::BranchSource::Kind kind = prism::admin::v1::BranchSource::KIND_UNSPECIFIED;
  std::string path;
  std::string roles;
  bool is_default = false;
  prism::admin::v1::BranchSource::State state = prism::admin::v1::BranchSource::STATE_UNSPECIFIED;
  std::optional<GenerationInfo> generation;
  std::string last_error = {};
  WallMillis failed_at = 0;  // when there is an error
  int branches = 0;
  WallMillis created_at = 0;
  std::string created_by = {};
};

// A source to be added.
struct SourceWish {
  std::string name;
  prism::admin::v1::BranchSource::Kind kind;
  std::string path;
  std::string roles;
  std::string password;  // a reference
  std::string by;
};

// A snapshot, as prism.admin.v1.Snapshot describes it.
struct SnapshotInfo {
  std::string name;
  WallMillis created_at = 0;
  bool is_automatic = false;
  std::string checkpoint_lsn;
  int timeline = 0;
  std::string system_identifier;
  int postgres_version = 0;
};

// A branch to be made.
struct BranchWish {
  std::string name;  // as it was spelled
  std::string by;
  std::optional<std::chrono::milliseconds> ttl;
  std::string from = {};  // empty: the source of the configuration
};

// How a branch is to be deleted.
struct BranchDeletion {
  bool force = false;      // clients that are in are cut off
  bool recursive = false;  // with what was made of it
  bool purge = false;      // not to be had back, and those that were deleted before neither
};

// What is to be changed of a branch; what is not set stays.
struct BranchEdit {
  std::optional<bool> is_protected;
  // From now on. No value inside: it does not expire.
  std::optional<std::optional<std::chrono::milliseconds>> ttl;
};

// Life cycle: outlives the calls. Thread rule: List and Get block, on any thread but a shard; the
// others on any shard, and what they began they finish whether or not somebody waits.
class BranchControl {
 public:
  virtual ~BranchControl() = default;

  // By name. All of it can answer UNAVAILABLE/BRANCHES_NOT_READY, as long as no client gets in.
  virtual Result<std::vector<BranchInfo>> List() = 0;
  // By name or by label. INVALID_ARGUMENT/BAD_BRANCH_NAME, NOT_FOUND/BRANCH_NOT_FOUND.
  virtual Result<BranchInfo> Get(const std::string& name) = 0;
  // The end of its server's log, at most so many bytes. By name. Any thread but a shard, and it
  // blocks. NOT_FOUND/BRANCH_NOT_FOUND.
  virtual Result<std::string> ReadLog(const std::string& name, std::size_t bytes) = 0;
  // How far the copy has come that is made for the branch or source of that name: "1204 files, 3.1
  // GiB". Empty: none is, or it can't say. Any thread but a shard, and it blocks.
  virtual std::string Progress(const std::string& name) = 0;
  // INVALID_ARGUMENT: BAD_BRANCH_NAME, RESERVED_BRANCH_NAME. ALREADY_EXISTS/BRANCH_EXISTS,
  // RESOURCE_EXHAUSTED/TOO_MANY_BRANCHES; NOT_FOUND/PARENT_NOT_FOUND, and BRANCH_DELETED,
  // BRANCH_BUSY, BRANCH_IN_USE of the parent.
  virtual runtime::Task<Result<BranchInfo>> Create(BranchWish wish) = 0;
  // From here on by names only. NOT_FOUND/BRANCH_NOT_FOUND, FAILED_PRECONDITION:
  // BRANCH_PROTECTED, BRANCH_HAS_CHILDREN, BRANCH_IN_USE. ABORTED/BRANCH_BUSY.
  virtual runtime::Task<Result<BranchInfo>> Delete(std::string name, BranchDeletion how) = 0;
  // Its server ends. As Update, and FAILED_PRECONDITION/BRANCH_IN_USE.
  virtual runtime::Task<Result<BranchInfo>> Stop(std::string name, bool force) = 0;
  // NOT_FOUND/BRANCH_NOT_FOUND, FAILED_PRECONDITION/BRANCH_NOT_DELETED, ABORTED/BRANCH_BUSY.
  virtual runtime::Task<Result<BranchInfo>> Undelete(std::string name) = 0;
  // NOT_FOUND: BRANCH_NOT_FOUND, BRANCH_DELETED. ABORTED/BRANCH_BUSY.
  virtual runtime::Task<Result<BranchInfo>> Update(std::string name, BranchEdit edit) = 0;
  // Any thread but a shard, and it blocks. NOT_FOUND/BRANCH_NOT_FOUND.
  virtual Result<std::vector<SnapshotInfo>> ListSnapshots(const std::string& name) = 0;
  // An empty name is made of the time. As Update, and INVALID_ARGUMENT/BAD_SNAPSHOT_NAME,
  // ALREADY_EXISTS/SNAPSHOT_EXISTS, RESOURCE_EXHAUSTED/TOO_MANY_SNAPSHOTS,
  // FAILED_PRECONDITION/BRANCH_IN_USE.
  virtual runtime::Task<Result<SnapshotInfo>> CreateSnapshot(std::string name,
                                                             std::string snapshot) = 0;
  // As Update, and NOT_FOUND/SNAPSHOT_NOT_FOUND.
  virtual runtime::Task<Result<SnapshotInfo>> DeleteSnapshot(std::string name,
                                                             std::string snapshot) = 0;
  // To what its parent has; of Restore: to the snapshot. As Update and Delete, and
  // NOT_FOUND: PARENT_NOT_FOUND, SNAPSHOT_NOT_FOUND.
  virtual runtime::Task<Result<BranchInfo>> Reset(std::string name, bool force) = 0;
  virtual runtime::Task<Result<BranchInfo>> Restore(std::string name, std::string snapshot,
                                                    bool force) = 0;
  // `to` as it was spelled. As Update and Create.
  virtual runtime::Task<Result<BranchInfo>> Rename(std::string name, std::string to) = 0;
  // That of the configuration first, then by name. Any thread but a shard, and it blocks.
  virtual Result<std::vector<SourceInfo>> ListSources() = 0;
  // When branches can be made of it. INVALID_ARGUMENT: BAD_SOURCE_NAME, RESERVED_BRANCH_NAME.
  // ALREADY_EXISTS: BRANCH_EXISTS, SOURCE_EXISTS, SOURCE_MANAGED_ALREADY.
  // RESOURCE_EXHAUSTED/TOO_MANY_SOURCES, and what is wrong with what is at the path.
  virtual runtime::Task<Result<SourceInfo>> AddSource(SourceWish wish) = 0;
  // When new branches begin with what it has now. NOT_FOUND/SOURCE_NOT_FOUND, ABORTED/SOURCE_BUSY,
  // and what is wrong with it.
  virtual runtime::Task<Result<SourceInfo>> RefreshSource(std::string name) = 0;
  // NOT_FOUND/SOURCE_NOT_FOUND, FAILED_PRECONDITION: DEFAULT_SOURCE, SOURCE_IN_USE.
  // ABORTED/SOURCE_BUSY.
  virtual runtime::Task<Result<SourceInfo>> RemoveSource(std::string name, bool force) = 0;
};

}  // namespace prism::gateway
