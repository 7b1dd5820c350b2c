// The startup parameter `options`: switches as on the command line of `postgres`, of which those of
// branches are ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prism::branching {

// Lower case, since PostgreSQL compares names of settings without case.
inline constexpr std::string_view kSettingPrefix = "prism.";

struct BranchSetting {
  std::string name;                  // "prism.branch", in lower case
  std::optional<std::string> value;  // none: there was no "="

  bool operator==(const BranchSetting&) const = default;
};

struct StartupOptions {
  std::vector<BranchSetting> settings;
  std::string rest;  // every byte that does not belong to them, in order
};
// Takes out `-c prism.x=y`, `-cprism.x=y` and `--prism.x=y`. Words are split at white space and a
// backslash takes the special meaning from what follows it, as pg_split_opts of PostgreSQL does;
// switches are told from their arguments as its process_postgres_switches does.
StartupOptions CutBranchSettings(std::string_view options);

}  // namespace prism::branching
