#include "cli/client_options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstddef>
#include <fstream>
#include <string>

#include "base/units.h"
#include "contract/durability.h"

namespace prism::cli {
namespace {

constexpr std::size_t kMaxTokenFileBytes = 4096;

void AddAddresses(CLI::App& app, ClientOptions& options) {
  const auto valid = [](const std::string& text) {
    const Result<rpc::ClientTarget> target = rpc::ClientTarget::Parse(text);
    return target ? std::string() : target.error().message();
  };
  app.add_option("--server", options.server, "Data port: host:port, [ipv6]:port or unix:/path")
      ->envname("PRISM_SERVER")
      ->capture_default_str()
      ->check(valid)
      ->type_name("ADDRESS");
  app.add_option("--admin-server", options.admin_server,
                 "Admin port, for status, namespace, backend, config, token, audit and branch")
      ->envname("PRISM_ADMIN_SERVER")
      ->capture_default_str()
      ->check(valid)
      ->type_name("ADDRESS");
}

// The text of the file without the line end that editors add.
std::string ReadToken(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string token(kMaxTokenFileBytes + 1, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(file.gcount()));
  if (!file.eof() || token.empty()) {
    throw CLI::ValidationError(
        "--token-file", fmt::format("{} can't be read, is empty, or has more than {} bytes", path,
                                    kMaxTokenFileBytes));
  }
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  return token;
}

void AddSecurity(CLI::App& app, ClientOptions& options) {
  app.add_flag("--tls", options.tls,
               "Speak TLS and trust the system's authorities; any --tls-... implies it");
  app.add_option("--tls-ca", options.tls_files.ca_file,
                 "Authorities to trust instead of the system's, PEM")
      ->envname("PRISM_TLS_CA")
      ->type_name("FILE");
  app.add_option("--tls-cert", options.tls_files.cert_file,
                 "Certificate to show to the server, PEM")
      ->envname("PRISM_TLS_CERT")
      ->type_name("FILE");
  app.add_option("--tls-key", options.tls_files.key_file, "Key of that certificate, PEM")
      ->envname("PRISM_TLS_KEY")
      ->type_name("FILE");
  app.add_option("--tls-server-name", options.tls_files.server_name,
                 "Name that the server's certificate must have; default: the host of the address")
      ->type_name("NAME");
  // No default is captured: a token must not appear in a help text.
  app.add_option("--token", options.token,
                 "Bearer token; better in the environment, where other users can't see it")
      ->envname("PRISM_TOKEN")
      ->type_name("TOKEN");
  // Goes before --token, since it comes after it.
  app.add_option_function<std::string>(
         "--token-file", [&options](const std::string& path) { options.token = ReadToken(path); },
         "File with the bearer token, which goes before --token")
      ->envname("PRISM_TOKEN_FILE")
      ->type_name("FILE");
}

void AddTimeout(CLI::App& app, ClientOptions& options) {
  app.add_option_function<std::string>(
         "--timeout",
         [&options](const std::string& text) {
           const Result<std::chrono::milliseconds> parsed = base::ParseDuration(text);
           if (!parsed) throw CLI::ValidationError("--timeout", parsed.error().message());
           if (parsed->count() <= 0)
             throw CLI::ValidationError("--timeout", "it must be more than 0");
           options.timeout = *parsed;
         },
         "Of each call, such as 500ms, 10s or 2m; default: 30s (scan, export and\n"
         "branch delete --purge: 24h; what is waited for as an operation: its end)")
      ->envname("PRISM_TIMEOUT")
      ->type_name("DURATION");
}

}  // namespace

void AddClientOptions(CLI::App& app, ClientOptions& options) {
  AddAddresses(app, options);
  AddSecurity(app, options);
  AddTimeout(app, options);
  app.add_option_function<std::string>(
         "-o,--output",
         [&options](const std::string& format) {
           if (format != "table" && format != "json" && format != "yaml") {
             throw CLI::ValidationError("--output", "the formats are table, json and yaml");
           }
           options.output = format == "json"   ? Output::kJson
                            : format == "yaml" ? Output::kYaml
                                               : Output::kTable;
         },
         "table, json (one object a line), or yaml (verbs of the admin port)")
      ->default_str("table")
      ->type_name("FORMAT");
  app.add_option("--request-id", options.request_id,
                 "Makes a write safe to repeat: the same id with the same arguments acts once "
                 "within 10 minutes; at "
                 "most 128 bytes")
      ->type_name("ID");
  app.add_option("--min-durability", options.min_durability,
                 "Refuse a write that would be less safe: memory, accepted, fsynced or replicated")
      ->type_name("LEVEL")
      ->check([](const std::string& text) {
        return contract::ParseDurability(text) ? std::string()
                                               : "must be memory, accepted, fsynced or replicated";
      });
  for (CLI::Option* option : app.get_options()) {
    if (!option->get_name().starts_with("--help") && !option->get_name().starts_with("--version")) {
      option->group("Client options");
    }
  }
}

}  // namespace prism::cli
