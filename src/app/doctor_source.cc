#include "app/doctor_source.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "app/doctor_checks.h"
#include "branching/instances/data_directory.h"
#include "branching/sources/dump_file.h"
#include "branching/sources/managed_directory.h"

namespace prism::app {

namespace {

using branching::Finding;
using branching::Health;
using Kind = namespaces::BranchSourceConfig::Kind;

Finding CheckTemplate(const std::string& path, const branching::PostgresServers* servers) {
  const auto directory = branching::ReadDataDirectory(path);
  if (!directory) return Unwell("source", directory.error());
  if (const Status links = branching::CheckLinks(*directory, directory->path); !links) {
    return Unwell("source", links.error());
  }
  if (directory->standby) {
    return {.health = Health::kUnwell,
            .about = "source",
            .says = fmt::format("{}: PostgreSQL {}, of a standby", path, directory->major),
            .advice = "promote it, or name the one of its primary"};
  }
  if (servers != nullptr) {
    const auto binaries = servers->ForMajor(directory->major);
    if (!binaries) return Unwell("source", binaries.error());
  }
  Finding finding{.about = "source",
                  .says = fmt::format("{}: PostgreSQL {}, stopped", path, directory->major)};
  if (directory->running == 0) return finding;
  finding.health = Health::kNote;
  finding.says = fmt::format("{}: PostgreSQL {}, process {} serves it", path, directory->major,
                             directory->running);
  finding.advice = "stop its server for new branches to begin with its newest state";
  return finding;
}

Finding CheckDump(const namespaces::BranchSourceConfig& source) {
  const auto dump = branching::ReadDumpFile(source.path);
  if (!dump) return Unwell("source", dump.error());
  if (!source.roles.empty()) {
    const auto roles = branching::ReadDumpFile(source.roles);
    if (!roles) return Unwell("source", roles.error());
  }
  return {.about = "source",
          .says = fmt::format(
              "{}: a dump{}", source.path,
              dump->major != 0 ? fmt::format(" of PostgreSQL {}", dump->major) : std::string())};
}

// Whoever serves it, it may be a server of ours.
Finding CheckManaged(const std::string& path) {
  const auto missing = branching::IsToBeMade(path);
  if (!missing) return Unwell("source", missing.error());
  if (*missing) {
    return {.health = Health::kNote,
            .about = "source",
            .says = fmt::format("{}: there is none yet", path),
            .advice = "the first start makes it"};
  }
  const auto directory = branching::ReadDataDirectory(path);
  if (!directory) return Unwell("source", directory.error());
  return {.about = "source",
          .says = fmt::format("{}: PostgreSQL {}, run by Prism", path, directory->major)};
}

}  // namespace

Finding CheckSource(const namespaces::BranchSourceConfig& source,
                    const branching::PostgresServers* servers) {
  switch (source.kind) {
    case Kind::kDump:
      return CheckDump(source);
    case Kind::kManaged:
      return CheckManaged(source.path);
    case Kind::kTemplate:
      break;
  }
  return CheckTemplate(source.path, servers);
}

std::vector<Finding> CheckCollations(const std::vector<branching::CollationChange>& changes) {
  std::map<std::string, std::vector<const branching::CollationChange*>> by_source;
  for (const auto& change : changes) by_source[change.source].push_back(&change);
  std::vector<Finding> findings;
  for (const auto& [source, own] : by_source) {
    const branching::CollationChange& first = *own.front();
    findings.push_back(
        {.health = Health::kNote,
         .about = "collations of " + source,
         .says = fmt::format(
             "the collation of database \"{}\"{} had version {} where its indexes were made, and "
             "has {} here: text may be sorted otherwise, and indexes on text miss rows in branches",
             first.database, own.size() > 1 ? fmt::format(" and {} more", own.size() - 1) : "",
             first.recorded, first.actual.empty() ? "none" : first.actual),
         .advice =
             "run Prism where the source's operating system is, or REINDEX DATABASE and ALTER "
             "DATABASE ... REFRESH COLLATION VERSION in each branch that needs it"});
  }
  return findings;
}

}  // namespace prism::app
