#include "cli/admin_common.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>

#include "base/os_error.h"
#include "base/strings.h"
#include "cli/message_output.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

using nlohmann::ordered_json;

std::string CellOf(const ordered_json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  if (!value.is_array()) return Printable(value.dump());
  std::vector<std::string> texts;
  for (const ordered_json& item : value) {
    texts.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  }
  return Joined(texts);
}

void AddDetails(const ordered_json& json, const std::string& prefix, Table& table) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_object()) {
      AddDetails(value, name, table);
    } else {
      table.Add({Printable(name), CellOf(value)});
    }
  }
}

}  // namespace

std::string AdminPath(std::string_view method) {
  return std::string("/prism.admin.v1.").append(method);
}

void AddReason(CLI::App& verb, ChangeOptions& options) {
  verb.add_option("--reason", options.reason, "Why, kept with the change; at most 1024 bytes")
      ->type_name("TEXT")
      ->check([](const std::string& text) {
        return text.size() > 1024 ? std::string("at most 1024 bytes") : std::string();
      });
}

void AddDryRun(CLI::App& verb, ChangeOptions& options) {
  verb.add_flag("--dry-run", options.dry_run, "Check and show what would change, change nothing");
}

void AddRevision(CLI::App& verb, ChangeOptions& options) {
  verb.add_option("--revision", options.revision,
                  "Refuse when the record has another revision than this one, which you have read; "
                  "default: whatever is there")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()));
}

void AddChangeOptions(CLI::App& verb, ChangeOptions& options) {
  AddRevision(verb, options);
  AddDryRun(verb, options);
  AddReason(verb, options);
}

void AddToRevision(CLI::App& verb, std::int64_t& to) {
  verb.add_option("--to", to, "The revision to go back to")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()));
}

void AddYes(CLI::App& verb, ChangeOptions& options) {
  verb.add_flag("-y,--yes", options.yes, "Do not ask; needed where standard input is no terminal");
}

void AddNoWait(CLI::App& verb, ChangeOptions& options) {
  verb.add_flag("--no-wait", options.no_wait,
                "Do not wait for work that takes longer than a moment: print its operation");
}

char Ask(std::string_view question) {
  std::fflush(stdout);
  fmt::print(stderr, "{} ", question);
  std::array<char, 128> line{};
  if (std::fgets(line.data(), line.size(), stdin) == nullptr) return '\0';
  const std::string_view answer = base::Trim(line.data());
  return answer.empty() || answer.front() == '\n' ? '\0' : base::ToLower(answer.front());
}

Result<bool> Confirm(const ChangeOptions& options, std::string_view question) {
  if (options.yes) return true;
  if (IsTerminal(stdin)) return Ask(fmt::format("{} [y/N]", question)) == 'y';
  return std::unexpected(
      Error(Code::kFailedPrecondition, "CONFIRMATION_REQUIRED",
            fmt::format("this asks first (\"{}\"), and standard input is no terminal: add --yes to "
                        "go on; where there is --dry-run, it shows what would change",
                        question)));
}

int BadUsage(const Shell& shell, const Error& error) {
  shell.Fail(error);
  return kBadUsage;
}

int NotConfirmed(const Shell& shell, const Result<bool>& confirmed) {
  if (!confirmed) return BadUsage(shell, confirmed.error());
  fmt::print(stderr, "nothing has changed\n");
  return kFailed;
}

Result<std::string> ReadFile(const std::string& path) {
  constexpr std::size_t kMaxBytes = 16u << 20;
  const auto close = [](std::FILE* file) {
    if (file != stdin) std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(
      path == "-" ? stdin : std::fopen(path.c_str(), "rbe"), close);
  const auto unreadable = [&path] {
    return base::OsError(
        errno, "FILE_UNREADABLE",
        fmt::format("check the name and the permissions of {}: it can't be read", path));
  };
  if (!file) return std::unexpected(unreadable());
  std::string text;
  std::array<char, 1 << 14> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), count);
    if (text.size() > kMaxBytes) {
      return std::unexpected(Error(Code::kResourceExhausted, "FILE_TOO_LARGE",
                                   fmt::format("{} has more than 16 MiB: divide it", path)));
    }
  }
  if (std::ferror(file.get()) != 0) return std::unexpected(unreadable());
  return text;
}

std::string DetailTable(const google::protobuf::Message& message, bool color) {
  Table table({"SETTING", "VALUE"});
  AddDetails(MessageToJson(message, kYamlForm), "", table);
  return table.Format(color);
}

}  // namespace prism::cli
