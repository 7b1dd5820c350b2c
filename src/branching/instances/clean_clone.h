// Makes the copy of a data directory a cluster of its own.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

// Before the first start of a clone: removes what belongs to the server it was copied from, and
// points tablespaces and pg_wal that lead into the volume of the parent at the clone's own.
//
// Removed: postmaster.pid (it names the parent), postmaster.opts, sockets and their locks,
// current_logfiles, standby.signal and recovery.signal, the files of log/, and the contents of
// pg_replslot (slots keep WAL and need settings that we lower), pg_stat_tmp, pg_dynshmem,
// pg_notify, pg_logical/snapshots and pg_logical/mappings. Kept: backup_label, which the start
// needs when the copy came from a base backup (one of a running server has none).
//
// Blocks. Never follows a symbolic link, never leaves the data directory. Links that lead
// elsewhere: FAILED_PRECONDITION/LINKS_OUTSIDE_VOLUME and nothing is changed. Else CLEAN_CLONE with
// what the system refused; doing it again is fine.
Status CleanClone(const std::string& data_directory, std::string_view volume,
                  std::string_view parent_volume);

}  // namespace prism::branching
