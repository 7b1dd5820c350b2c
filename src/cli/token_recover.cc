// prism token recover.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/data_directory_audit.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/token.h"
#include "namespaces/store/config_store.h"
#include "security/audit_log.h"
#include "security/token_store.h"
#include "sqlite/data_directory.h"

namespace prism::cli {
namespace {

constexpr std::string_view kAction = "prism token recover";

Result<security::TokenStore::Created> Recover(const std::string& data_dir) {
  const std::string path = data_dir + "/config.db";
  TRY_ASSIGN(const bool exists, sqlite::FileExists(path, {}));
  if (!exists) {
    return std::unexpected(Error(
        Code::kNotFound, "CONFIG_STORE_MISSING",
        fmt::format("{} is not there: name the data directory of a server that has run", path)));
  }
  auto directory = sqlite::DataDirectory::Open(data_dir, "config.lock");
  if (!directory && directory.error().reason() == "DATA_DIRECTORY_LOCKED") {
    return std::unexpected(Error(directory.error().code(), directory.error().reason(),
                                 directory.error().message() +
                                     ". Stop that server first, or make a token over its "
                                     "admin port: prism token create"));
  }
  if (!directory) return std::unexpected(std::move(directory).error());
  SystemClock clock;
  TRY_ASSIGN(const auto store,
             namespaces::ConfigStore::Open(
                 {.path = path,
                  .more_parts = {security::TokenStore::Part(), security::AuditPart()},
                  .chain = security::ReadAuditHeadAt},
                 clock));
  security::TokenStore tokens(store->database(), clock, [](const auto&) {});
  return tokens.Recover(
      WhoRuns(), [&](sqlite::Connection& connection, const security::TokenInfo& token) -> Status {
        TRY(security::AppendAudit(connection,
                                  DeedOf(kAction, "token/" + token.id, security::TokenJson(token)),
                                  clock.Now()));
        return {};
      });
}

int RunRecover(Shell& shell, const std::string& data_dir) {
  const auto made = Recover(data_dir);
  if (!made) return shell.Fail(made.error());
  if (shell.json()) {
    WriteLine(DumpJson({{"id", made->info.id}, {"text", made->text}}));
    return kDone;
  }
  WriteLine(made->text);
  std::fputs(fmt::format("token {} administers the server; it is shown this once and does not "
                         "expire: revoke it when another administrator has one\n",
                         made->info.id)
                 .c_str(),
             stderr);
  return kDone;
}

}  // namespace

void AddTokenRecover(CLI::App& token, Shell& shell) {
  CLI::App* verb = token.add_subcommand(
      "recover", "Make an administrator's token in the data directory of a stopped server");
  auto data_dir = std::make_shared<std::string>();
  verb->add_option("--data-dir", *data_dir, "Data directory of the server, stopped")
      ->type_name("DIR")
      ->envname("PRISM_DATA_DIR")
      ->required();
  verb->footer(
      "For when nobody gets in any more. Whoever may write the data directory may do this; the\n"
      "audit says who did. Run it as the server's user, so that its files stay that user's.\n"
      "The token is for the principal \"admin\", with the scope admin.\n\n"
      "Example:\n  prism token recover --data-dir /var/lib/prism");
  shell.On(*verb, [&shell, data_dir] { return RunRecover(shell, *data_dir); });
}

}  // namespace prism::cli
