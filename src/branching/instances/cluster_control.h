// What pg_control says of a data directory, as pg_controldata prints it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

enum class ClusterState : std::uint8_t {
  kShutDown,       // cleanly: a start has nothing to recover
  kNeedsRecovery,  // running, or killed: it starts after redo
  kStandby,        // follows another server
  kStandbyShutDown,
};

struct ClusterControl {
  ClusterState state = ClusterState::kNeedsRecovery;
  std::string state_text;  // as pg_controldata says it: "in production"
  std::string system_identifier;
  std::string checkpoint_lsn;  // "0/1500028"
  int timeline = 0;
  int max_prepared_transactions = 0;
  bool checksums = false;
};

// FAILED_PRECONDITION/CONTROL_FILE_UNREADABLE.
Error ControlUnreadable(std::string_view why);

// What pg_controldata prints in the C locale; ControlUnreadable when it is something else.
Result<ClusterControl> ParseClusterControl(std::string_view text);

}  // namespace prism::branching
