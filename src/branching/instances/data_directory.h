// What a data directory is, before anything is done with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/instances/cluster_control.h"
#include "branching/instances/postgres_binaries.h"
#include "runtime/task.h"

namespace prism::branching {

// A symbolic link that leads the server out of its data directory: a tablespace, pg_wal, or another
// directory that somebody has moved.
struct ClusterLink {
  std::string path;    // relative to the data directory: "pg_wal", "pg_tblspc/16384"
  std::string target;  // absolute, as it is in the link
};

// What the files say; what pg_control says is in ClusterControl.
struct DataDirectory {
  std::string path;
  int major = 0;
  uid_t owner = 0;
  bool standby = false;  // it has standby.signal or recovery.signal
  pid_t running = 0;     // a process of this machine that serves it; 0: none
  std::vector<ClusterLink> links = {};
};

// Blocks; reads, changes nothing. FAILED_PRECONDITION/NOT_A_DATA_DIRECTORY with what is missing,
// DATA_DIRECTORY_FILES for what the system refuses.
Result<DataDirectory> ReadDataDirectory(const std::string& path);

// Both absolute and normalised; a directory is below itself.
bool IsBelow(std::string_view path, std::string_view directory);

// Links whose target is not below `volume`: they can't be branched with it, and a clone would write
// the files of its parent. FAILED_PRECONDITION/LINKS_OUTSIDE_VOLUME names them.
Status CheckLinks(const DataDirectory& directory, std::string_view volume);

// By pg_controldata of the directory's own major: the layout of pg_control differs between majors
// and that program knows it, checksum included. FAILED_PRECONDITION/CONTROL_FILE_UNREADABLE.
runtime::Task<Result<ClusterControl>> ReadClusterControl(std::string path,
                                                         PostgresBinaries binaries);

}  // namespace prism::branching
