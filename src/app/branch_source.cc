#include "app/branch_source.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "branching/sources/dump_source.h"
#include "branching/sources/managed_source.h"
#include "branching/sources/template_source.h"
#include "security/secrets.h"

namespace prism::app {

namespace {

namespace fs = std::filesystem;
using Kind = namespaces::BranchSourceConfig::Kind;

Result<std::string> FindTemplate(const std::string& source) {
  std::error_code failed;
  std::string path = fs::canonical(source, failed).string();
  if (!failed && fs::is_directory(path, failed)) return path;
  return std::unexpected(
      Error(Code::kNotFound, "BRANCH_SOURCE",
            fmt::format("the source of branches {} is no directory that this user can read: name "
                        "a stopped data directory of PostgreSQL",
                        source)));
}

Result<std::string> FindDump(const std::string& dump) {
  std::error_code failed;
  std::string path = fs::canonical(dump, failed).string();
  if (!failed) return path;
  return std::unexpected(
      Error(Code::kNotFound, "BRANCH_SOURCE",
            fmt::format("{} can't be read by this user ({}): name what pg_dump or pg_dumpall has "
                        "written",
                        dump, failed.message())));
}

// It may be that it is still to be made.
Result<std::string> FindManaged(const std::string& directory) {
  std::error_code failed;
  std::string path = fs::weakly_canonical(fs::absolute(directory, failed), failed).string();
  if (!failed) return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  return std::unexpected(
      Error(Code::kNotFound, "BRANCH_SOURCE",
            fmt::format("{} can't be reached by this user ({}): name a data directory of "
                        "PostgreSQL, or one to be made",
                        directory, failed.message())));
}

Result<branching::DumpSource::Options> DumpOptions(const namespaces::BranchSourceConfig& config) {
  branching::DumpSource::Options options;
  TRY_ASSIGN(options.path, FindDump(config.path));
  if (!config.roles.empty()) {
    TRY_ASSIGN(options.roles, FindDump(config.roles));
  }
  TRY_ASSIGN(options.password, security::ResolveSecrets(config.password));
  return options;
}

// `password_file`: of a managed one.
Result<std::unique_ptr<branching::Source>> Make(const namespaces::BranchSourceConfig& config,
                                                const BranchSourceParts& parts,
                                                std::string password_file) {
  switch (config.kind) {
    case Kind::kDump: {
      TRY_ASSIGN(branching::DumpSource::Options options, DumpOptions(config));
      return std::make_unique<branching::DumpSource>(parts.workshop, parts.programs,
                                                     std::move(options));
    }
    case Kind::kManaged: {
      TRY_ASSIGN(std::string path, FindManaged(config.path));
      return std::make_unique<branching::ManagedSource>(
          parts.home, parts.workshop, parts.programs,
          branching::ManagedSource::Options{.directory = std::move(path),
                                            .home = parts.directory,
                                            .password_file = std::move(password_file),
                                            .user = parts.user});
    }
    case Kind::kTemplate:
      break;
  }
  TRY_ASSIGN(std::string path, FindTemplate(config.path));
  return std::make_unique<branching::TemplateSource>(parts.workshop, std::move(path));
}

}  // namespace

Result<std::unique_ptr<branching::Source>> MakeBranchSource(
    const namespaces::BranchSourceConfig& config, const BranchSourceParts& parts) {
  return Make(config, parts, "source-password");
}

Result<std::unique_ptr<branching::Source>> MakeAddedSource(const branching::AddedSource& added,
                                                           const BranchSourceParts& parts) {
  const namespaces::BranchSourceConfig config = ConfigOf(added);
  if (parts.docker && config.kind != Kind::kTemplate) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "SOURCE_KIND_UNAVAILABLE",
              "with branching.runtime: docker a source is a stopped data directory: dumps are "
              "loaded, and servers run, by programs of this machine"));
  }
  return Make(config, parts, "source-password-" + added.name);
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kDump:
      return "dump";
    case Kind::kManaged:
      return "managed";
    case Kind::kTemplate:
      break;
  }
  return "template";
}

namespaces::BranchSourceConfig ConfigOf(const branching::AddedSource& added) {
  namespaces::BranchSourceConfig config{
      .path = added.path, .roles = added.roles, .password = added.password};
  for (const Kind kind : {Kind::kDump, Kind::kManaged}) {
    if (added.kind == KindName(kind)) config.kind = kind;
  }
  return config;
}

}  // namespace prism::app
