// prism config check, restore: backups of the configuration store, beside a server that is stopped.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/config.h"
#include "cli/data_directory_audit.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "namespaces/store/backups.h"
#include "namespaces/store/purges.h"
#include "security/audit_log.h"
#include "security/token_store.h"
#include "sqlite/connection.h"
#include "sqlite/plain_database.h"

namespace prism::cli {
namespace {

constexpr std::string_view kRestore = "prism config restore";

struct RestoreArguments {
  std::string file;
  std::string data_dir;
  bool create = false;
};

// What became of the tokens in a restore.
struct Tokens {
  std::vector<std::string> revoked;  // that count in the backup, by their ids
  std::string unknown;               // why others may count again; empty: none does
};

Status CheckIsThere(const std::string& file) {
  std::error_code failed;
  if (std::filesystem::exists(file, failed)) return {};
  return std::unexpected(Error(Code::kNotFound, "FILE_NOT_FOUND",
                               fmt::format("there is no {}: name a backup, such as "
                                           "backups/config-YYYYMMDD.db in the data directory",
                                           file)));
}

// A server on a directory that was made by a slip would begin with what was restored, beside the
// one that was meant.
Status CheckDataDir(const RestoreArguments& arguments) {
  std::error_code failed;
  if (arguments.create || std::filesystem::exists(arguments.data_dir, failed)) return {};
  return std::unexpected(
      Error(Code::kNotFound, "DATA_DIRECTORY_NOT_FOUND",
            fmt::format("there is no {}: name the data directory of the server, or add --create "
                        "to make a new one",
                        arguments.data_dir)));
}

nlohmann::ordered_json JsonOf(const namespaces::GoodBackup& backup) {
  return {{"file", backup.path}, {"revision", backup.revision}};
}

std::string LineOf(const namespaces::GoodBackup& backup, std::string_view what) {
  return fmt::format("{}: {}, revision {}", Printable(backup.path), what, backup.revision);
}

int RunCheck(Shell& shell, const std::string& file) {
  if (const Status there = CheckIsThere(file); !there) return shell.Fail(there.error());
  const auto good = namespaces::CheckBackup(file);
  if (!good) return shell.Fail(good.error());
  WriteLine(shell.json() ? DumpJson(JsonOf(*good)) : LineOf(*good, "good"));
  return kDone;
}

Result<security::TokenStore::Ended> ReadEnded(const std::string& store) {
  TRY_ASSIGN(const auto connection,
             sqlite::Connection::Open({.path = store, .access = sqlite::Access::kReader}));
  return security::TokenStore::ReadEnded(*connection);
}

// A store is restored when it is damaged, too: what can't be read of it is said, and stops nothing.
security::TokenStore::Ended EndedIn(const std::string& replaced, Tokens& tokens) {
  if (replaced.empty()) {
    tokens.unknown = "there was no store in its place";
    return {};
  }
  auto ended = ReadEnded(replaced);
  if (!ended) {
    tokens.unknown = fmt::format("the tokens of the store in its place can't be read ({})",
                                 ended.error().message());
    return {};
  }
  if (ended->damaged > 0) {
    tokens.unknown = fmt::format("{} tokens of the store in its place are damaged", ended->damaged);
  }
  return *std::move(ended);
}

Status Amend(sqlite::Connection& store, const std::string& file,
             const security::TokenStore::Ended& ended, Tokens& tokens) {
  const WallMillis now = SystemClock().Now();
  const nlohmann::ordered_json after = {{"file", file}};
  TRY(security::AppendAudit(store, DeedOf(kRestore, "config", DumpJson(after)), now));
  TRY_ASSIGN(const auto revoked,
             security::TokenStore::CarryOver(
                 store, ended,
                 [&](sqlite::Connection& connection, const security::TokenInfo& token) -> Status {
                   TRY(security::AppendAudit(
                       connection,
                       DeedOf(kRestore, "token/" + token.id, security::TokenJson(token)), now));
                   return {};
                 }));
  for (const security::TokenInfo& token : revoked) tokens.revoked.push_back(token.id);
  return {};
}

void Tell(const Shell& shell, const namespaces::GoodBackup& backup, const Tokens& tokens) {
  if (shell.json()) {
    auto json = JsonOf(backup);
    json["tokens_revoked"] = tokens.revoked;
    WriteLine(DumpJson(json));
  } else {
    WriteLine(LineOf(backup, "restored"));
    if (!tokens.revoked.empty()) {
      WriteLine(fmt::format("revoked since that backup, and still: the tokens {}",
                            fmt::join(tokens.revoked, ", ")));
    }
  }
}

void WarnOfPurges(const std::vector<namespaces::Purge>& given_up) {
  for (const namespaces::Purge& purge : given_up) {
    std::fputs(
        fmt::format("warning: when that backup was made, the data of the deleted namespace {} "
                    "was about to be destroyed. It is not any more: if it is still there, "
                    "make a namespace of that name on the backend {}, and delete it with "
                    "--purge\n",
                    Printable(purge.ns), Printable(purge.backend))
            .c_str(),
        stderr);
  }
}

void Warn(std::string_view why) {
  std::fputs(fmt::format("warning: {}: tokens that were revoked since that backup may count again. "
                         "Look at `prism token list`, and revoke what should not be there\n",
                         PrintableMessage(why))
                 .c_str(),
             stderr);
}

int RunRestore(Shell& shell, const RestoreArguments& arguments) {
  if (const Status there = CheckIsThere(arguments.file); !there) return shell.Fail(there.error());
  if (const Status there = CheckDataDir(arguments); !there) return shell.Fail(there.error());
  Tokens tokens;
  std::vector<namespaces::Purge> given_up;
  const auto restored = namespaces::RestoreBackup(
      arguments.file, arguments.data_dir, SystemClock().Now(),
      {.more_parts = {security::TokenStore::Part(), security::AuditPart()},
       .chain = security::ReadAuditHeadAt,
       .amend = [&](sqlite::Database& store, const std::string& replaced) {
         const auto ended = EndedIn(replaced, tokens);
         return sqlite::WriteAndWait(store, [&](sqlite::Connection& connection) -> Status {
           TRY_ASSIGN(given_up, namespaces::GiveUpPurges(connection));
           return Amend(connection, arguments.file, ended, tokens);
         });
       }});
  if (!restored) return shell.Fail(restored.error());
  if (!tokens.unknown.empty()) Warn(tokens.unknown);
  WarnOfPurges(given_up);
  Tell(shell, *restored, tokens);
  return kDone;
}

void AddCheck(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand("check", "Check a backup of the configuration store");
  auto file = std::make_shared<std::string>();
  verb->add_option("FILE", *file, "The backup, config-YYYYMMDD.db")->required();
  verb->footer(
      "Reads all of it: pages, rows, and the chain of its history.\n\n"
      "Example:\n"
      "  prism config check /var/backups/prism/config-20260131.db");
  shell.On(*verb, [&shell, file] { return RunCheck(shell, *file); });
}

void AddRestore(CLI::App& config, Shell& shell) {
  CLI::App* verb =
      config.add_subcommand("restore", "Put a backup in the place of the configuration store");
  auto arguments = std::make_shared<RestoreArguments>();
  verb->add_option("FILE", arguments->file, "The backup, config-YYYYMMDD.db")->required();
  verb->add_option("--data-dir", arguments->data_dir, "Data directory of the server, stopped")
      ->type_name("DIR")
      ->envname("PRISM_DATA_DIR")
      ->required();
  verb->add_flag("--create", arguments->create, "Make the data directory when it is not there");
  verb->footer(
      "The server must be stopped. The backup is checked first; what is there now is kept beside "
      "it\n"
      "as config.db.before-restore-TIME. Tokens that were revoked there stay revoked, and the\n"
      "audit says who restored what. The data of the namespaces is not touched.\n\n"
      "Examples:\n"
      "  prism config restore /var/backups/prism/config-20260131.db --data-dir /var/lib/prism\n"
      "  prism config restore config-20260131.db --data-dir /srv/prism --create");
  shell.On(*verb, [&shell, arguments] { return RunRestore(shell, *arguments); });
}

}  // namespace

void AddConfigFiles(CLI::App& config, Shell& shell) {
  AddCheck(config, shell);
  AddRestore(config, shell);
}

}  // namespace prism::cli
