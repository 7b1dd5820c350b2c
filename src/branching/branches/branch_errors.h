// Why something can't be done to a branch, and what to do about it.
#pragma once

#include <cstddef>
#include <string>

#include "base/status.h"

namespace prism::branching {

// Of a volume that is not there, is no data directory, or that no server starts on for a reason
// that has no name of its own: what else may keep it from starting, as its settings, did not when
// the generation was made.
bool SaysDamage(const Error& error);

Error Busy(const std::string& name);
Error InUse(const std::string& name, int clients);
Error Protected(const std::string& name);
Error Exists(const std::string& name);
// The name is of a deleted branch that can be had back.
Error DeletedExists(const std::string& name);
Error NotDeleted(const std::string& name);
Error SnapshotExists(const std::string& branch, const std::string& name);
Error NoSnapshot(const std::string& branch, const std::string& name);
Error BadSnapshotName(const std::string& name);
Error TooManySnapshots(const std::string& branch, std::size_t most);
Error BadSourceName(const std::string& name);
Error TooManySources(std::size_t most);
Error NoSource(const std::string& name);
Error SourceBusy(const std::string& name);
Error IsDefaultSource();
Error SourceInUse(const std::string& name, const std::string& branch);
// By a branch that was deleted and can be had back.
Error SourceKept(const std::string& name, const std::string& branch);
Error ManagedAlready(const std::string& path, const std::string& source);
Error HasChildren(const std::string& name, const std::string& child);

}  // namespace prism::branching
