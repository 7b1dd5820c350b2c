// How files get their tables and grow with the program: forward only, and never down.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"
#include "sqlite/connection.h"

namespace prism::sqlite {

// PRAGMA user_version: how the parts below are recorded.
inline constexpr int kContainerVersion = 1;

// Tables that change together, such as those of one data model. Step i takes them from version i to
// version i + 1; a step that has been released is never edited.
struct SchemaPart {
  std::string_view name;
  std::span<const std::string_view> steps;
};

// Brings the file up to date in one transaction. One that a later version
// wrote is FAILED_PRECONDITION/FILE_TOO_NEW, and nothing is changed. Parts in the file that are not
// named stay as they are.
Status Migrate(Connection& connection, std::span<const SchemaPart> parts);

// Whether Migrate would change a file that an earlier version wrote; no for one that is empty.
Result<bool> NeedsMigration(Connection& connection, std::span<const SchemaPart> parts);

}  // namespace prism::sqlite
