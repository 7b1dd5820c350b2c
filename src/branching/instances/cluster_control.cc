#include "branching/instances/cluster_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "branching/instances/server_words.h"

namespace prism::branching {
namespace {

constexpr std::size_t kMaxShown = 200;  // of what is not understood

std::unexpected<Error> Unreadable(std::string_view why) {
  return std::unexpected(ControlUnreadable(why));
}

struct StateName {
  std::string_view text;
  ClusterState state;
};
constexpr auto kStates = std::to_array<StateName>({
    {"shut down", ClusterState::kShutDown},
    {"shut down in recovery", ClusterState::kStandbyShutDown},
    {"shutting down", ClusterState::kNeedsRecovery},
    {"in crash recovery", ClusterState::kNeedsRecovery},
    {"in archive recovery", ClusterState::kStandby},
    {"in production", ClusterState::kNeedsRecovery},
});

// The rest of the line that begins with `name` and a colon.
std::string_view Field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
      return base::Trim(line.substr(name.size() + 1));
    }
  }
  return {};
}

}  // namespace

Error ControlUnreadable(std::string_view why) {
  return {Code::kFailedPrecondition, "CONTROL_FILE_UNREADABLE",
          fmt::format("pg_control can't be understood: {}; the data directory is damaged, or of "
                      "another version than its PG_VERSION says",
                      why.substr(0, kMaxShown))};
}

Result<ClusterControl> ParseClusterControl(std::string_view text) {
  if (const std::size_t at = text.find("WARNING"); at != std::string_view::npos) {
    // A checksum or size that is wrong: what follows is noise.
    const std::string_view warning = text.substr(at);
    return Unreadable(base::Trim(warning.substr(0, warning.find('\n'))));
  }
  ClusterControl control;
  control.state_text = Field(text, "Database cluster state");
  const auto* const state = std::ranges::find(kStates, control.state_text, &StateName::text);
  if (state == kStates.end()) {
    return Unreadable(fmt::format("its state is '{}'", control.state_text));
  }
  control.state = state->state;
  control.system_identifier = Field(text, "Database system identifier");
  control.checkpoint_lsn = Field(text, "Latest checkpoint location");
  const auto timeline = NumberOfFirstLine(Field(text, "Latest checkpoint's TimeLineID"));
  const auto prepared = NumberOfFirstLine(Field(text, "max_prepared_xacts setting"));
  const auto checksums = NumberOfFirstLine(Field(text, "Data page checksum version"));
  if (!timeline || !prepared || !checksums || control.system_identifier.empty() ||
      control.checkpoint_lsn.empty()) {
    return Unreadable("a field is missing");
  }
  if (*timeline < 1 || *prepared < 0) return Unreadable("a number is below zero");
  control.timeline = *timeline;
  control.max_prepared_transactions = *prepared;
  control.checksums = *checksums != 0;
  return control;
}

}  // namespace prism::branching
