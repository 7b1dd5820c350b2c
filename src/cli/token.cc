// prism token create, list, revoke.
#include "cli/token.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cctype>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time_text.h"
#include "base/units.h"
#include "cli/admin_common.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "prism/admin/v1/tokens.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

std::string TimeText(bool set, const google::protobuf::Timestamp& time,
                     std::string_view otherwise) {
  std::string text;
  const bool told = set && base::AppendTimestamp({time.seconds(), 0}, text);
  return told ? text : std::string(otherwise);
}

std::string ExpiryText(const pb::Token& token) {
  return TimeText(token.has_expire_time(), token.expire_time(), "never");
}

struct CreateArguments {
  std::string name;
  std::string principal;
  std::string scope;
  std::optional<std::chrono::milliseconds> ttl;
  std::optional<base::SecondsAndNanos> expire_time;
  bool never_expires = false;
};

// The text goes to standard output alone, so that a script can keep it.
void Tell(const pb::CreateTokenResponse& made) {
  WriteLine(made.text());
  std::fputs(fmt::format("token {} of {}: {}, expires {}; it is shown this once\n",
                         made.token().id(), Printable(made.token().principal()),
                         made.token().scope(), ExpiryText(made.token()))
                 .c_str(),
             stderr);
}

int RunCreate(Shell& shell, const CreateArguments& arguments) {
  pb::CreateTokenRequest request;
  request.set_name(arguments.name);
  request.set_principal(arguments.principal);
  request.set_scope(arguments.scope);
  request.set_never_expires(arguments.never_expires);
  if (arguments.ttl) {
    request.mutable_ttl()->set_seconds(arguments.ttl->count() / 1000);
    request.mutable_ttl()->set_nanos(static_cast<int>(arguments.ttl->count() % 1000) * 1'000'000);
  }
  if (arguments.expire_time) {
    request.mutable_expire_time()->set_seconds(arguments.expire_time->seconds);
    request.mutable_expire_time()->set_nanos(arguments.expire_time->nanos);
  }
  pb::CreateTokenResponse made;
  const auto reply = shell.AdminCall(AdminPath("TokenAdmin/Create"), request, made);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(made)) Tell(made);
  return kDone;
}

int RunList(Shell& shell, bool active_only) {
  pb::ListTokensRequest request;
  request.set_active_only(active_only);
  Table table({"ID", "NAME", "PRINCIPAL", "SCOPE", "STATE", "EXPIRES", "LAST USED"});
  do {
    pb::ListTokensResponse page;
    const auto reply = shell.AdminCall(AdminPath("TokenAdmin/List"), request, page);
    if (!reply) return shell.Fail(reply.error());
    for (const pb::Token& token : page.tokens()) {
      if (shell.PrintElement(token)) continue;
      std::string state = pb::Token::State_Name(token.state());
      for (char& c : state) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      table.Add({Printable(token.id()), Shortened(token.name(), 32), Printable(token.principal()),
                 Shortened(token.scope(), 48), state, ExpiryText(token),
                 TimeText(token.has_last_use_time(), token.last_use_time(), "-")});
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

int RunRevoke(Shell& shell, const std::string& id) {
  pb::RevokeTokenRequest request;
  request.set_id(id);
  pb::Token token;
  const auto reply = shell.AdminCall(AdminPath("TokenAdmin/Revoke"), request, token);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(token)) {
    WriteLine(fmt::format("revoked {} of {} ({})", Printable(token.id()),
                          Printable(token.principal()), Printable(token.name())));
  }
  return kDone;
}

void AddExpiry(CLI::App& verb, const std::shared_ptr<CreateArguments>& arguments) {
  CLI::Option* ttl = verb.add_option_function<std::string>(
                             "--ttl",
                             [arguments](const std::string& text) {
                               const auto parsed = base::ParseDuration(text);
                               if (!parsed) {
                                 throw CLI::ValidationError("--ttl", parsed.error().message());
                               }
                               arguments->ttl = *parsed;
                             },
                             "How long it counts, 1s to 3650d; default: 90d")
                         ->type_name("DURATION");
  CLI::Option* until =
      verb.add_option_function<std::string>(
              "--expire-time",
              [arguments](const std::string& text) {
                const auto parsed = base::ParseTimestamp(text);
                if (!parsed) {
                  throw CLI::ValidationError("--expire-time", "must be like 2026-12-31T00:00:00Z");
                }
                arguments->expire_time = *parsed;
              },
              "Until when it counts, at most 3650 days from now")
          ->type_name("TIME");
  CLI::Option* never =
      verb.add_flag("--never-expires", arguments->never_expires, "It counts until it is revoked");
  ttl->excludes(until)->excludes(never);
  until->excludes(never);
}

void AddCreate(CLI::App& token, Shell& shell) {
  CLI::App* verb = token.add_subcommand("create", "Make a token and print its text, this once");
  auto arguments = std::make_shared<CreateArguments>();
  verb->add_option("NAME", arguments->name, "What it is for, 1 to 128 bytes")->required();
  verb->add_option("--principal", arguments->principal,
                   "Who its bearer is: 1 to 128 letters, digits and . _ @ / + -")
      ->type_name("NAME")
      ->required();
  verb->add_option("--scope", arguments->scope,
                   "What it may at most: admin, or NAMESPACE:read|write|admin,... (* for all "
                   "namespaces)")
      ->type_name("SCOPE")
      ->required();
  AddExpiry(*verb, arguments);
  verb->footer(
      "What the bearer may is on the lists of the namespaces; the scope narrows it.\n"
      "Standard output gets the text alone.\n\n"
      "Examples:\n"
      "  prism token create checkout --principal shop --scope orders:write --ttl 30d\n"
      "  (umask 077; prism token create deploy --principal ci --scope admin > deploy.token)");
  shell.On(*verb, [&shell, arguments] { return RunCreate(shell, *arguments); }, Formats::kAll);
}

void AddList(CLI::App& token, Shell& shell) {
  CLI::App* verb = token.add_subcommand("list", "List tokens, newest first, without their texts");
  auto active_only = std::make_shared<bool>(false);
  verb->add_flag("--active", *active_only, "Without those that have expired or were revoked");
  verb->footer(
      "What has ended stays listed for 90 days.\n\n"
      "Example:\n  prism token list --active");
  shell.On(*verb, [&shell, active_only] { return RunList(shell, *active_only); }, Formats::kAll);
}

void AddRevoke(CLI::App& token, Shell& shell) {
  CLI::App* verb = token.add_subcommand("revoke", "End a token: it counts no more at once");
  auto id = std::make_shared<std::string>();
  verb->add_option("ID", *id, "Of the token, as \"prism token list\" shows it")->required();
  verb->footer(
      "Streams that were opened with it end within a second.\n\n"
      "Example:\n  prism token revoke 3fX0k2mPq7Za");
  shell.On(*verb, [&shell, id] { return RunRevoke(shell, *id); }, Formats::kAll);
}

}  // namespace

void AddToken(CLI::App& app, Shell& shell) {
  CLI::App* token = app.add_subcommand("token", "API tokens")->require_subcommand(1);
  AddCreate(*token, shell);
  AddList(*token, shell);
  AddRevoke(*token, shell);
  AddTokenRecover(*token, shell);
}

}  // namespace prism::cli
