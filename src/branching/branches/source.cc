#include "branching/branches/source.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace prism::branching {

bool IsInUse(const Error& error) {
  return error.reason() == "SOURCE_RUNNING" || error.reason() == "SOURCE_NOT_STOPPED" ||
         error.reason() == "SOURCE_CHANGED" || error.reason() == "DUMP_INCOMPLETE";
}

bool IsUnusable(const Error& error) {
  constexpr auto kReasons = std::to_array<std::string_view>(
      {"DUMP_NOT_LOADED", "DUMP_OF_NEWER_MAJOR", "DUMP_PASSWORD_MISSING", "NOT_A_DUMP",
       "SUPERUSER_MISSING", "SUPERUSER_NOT_MADE", "ROLES_UNREADABLE", "SOURCE_UNREADABLE",
       "BASE_BACKUP_FAILED", "INSTANCE_START_FAILED"});
  return std::ranges::find(kReasons, error.reason()) != kReasons.end();
}

}  // namespace prism::branching
