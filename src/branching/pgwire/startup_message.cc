#include "branching/pgwire/startup_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {

namespace {

constexpr std::string_view kExtensionPrefix = "_pq_.";
constexpr std::array<std::string_view, 4> kDecisive{"user", "database", "options", "replication"};

// As ProcessStartupPacket of PostgreSQL reads them: pairs of strings up to an empty name, which
// must be the last byte.
Result<std::vector<StartupParameter>> ParseParameters(std::string_view body) {
  std::vector<StartupParameter> parameters;
  while (!body.empty() && body.front() != '\0') {
    const std::size_t name_end = body.find('\0');
    if (name_end == std::string_view::npos) break;
    const std::size_t value_end = body.find('\0', name_end + 1);
    if (value_end == std::string_view::npos) break;
    parameters.push_back(
        {.name = std::string(body.substr(0, name_end)),
         .value = std::string(body.substr(name_end + 1, value_end - name_end - 1))});
    body.remove_prefix(value_end + 1);
  }
  if (body.size() != 1 || body.front() != '\0') {
    return std::unexpected(Refuse(Refusal::kBadStartupLayout));
  }
  return parameters;
}

// 3.1 does not exist, and after 3.2 there is nothing yet.
std::uint32_t SpokenVersion(std::uint32_t word) {
  return word >= kProtocol32 ? kProtocol32 : kProtocol30;
}

// PostgreSQL's booleans (parse_bool): any prefix that means one thing alone.
bool IsTrue(std::string_view value) {
  const std::string lower = base::LowerCase(value);
  if (lower.empty()) return false;
  return std::string_view("true").starts_with(lower) ||
         std::string_view("yes").starts_with(lower) || lower == "on" || lower == "1";
}

}  // namespace

Result<StartupMessage> StartupMessage::Parse(std::uint32_t word, std::string_view body) {
  if (word >> 16 != 3) {
    return std::unexpected(
        Refuse(Refusal::kUnsupportedProtocol, fmt::format("{}.{}", word >> 16, word & 0xffff)));
  }
  StartupMessage message;
  message.word_ = word;
  message.version_ = SpokenVersion(word);
  TRY_ASSIGN(message.parameters_, ParseParameters(body));
  for (const std::string_view name : kDecisive) {
    if (std::ranges::count(message.parameters_, name, &StartupParameter::name) > 1) {
      return std::unexpected(Refuse(Refusal::kRepeatedParameter, name));
    }
  }
  if (message.Find("user").value_or("").empty()) return std::unexpected(Refuse(Refusal::kNoUser));
  for (const StartupParameter& parameter : message.parameters_) {
    if (parameter.name.starts_with(kExtensionPrefix)) {
      message.unknown_options_.push_back(parameter.name);
    }
  }
  return message;
}

std::optional<std::string_view> StartupMessage::Find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &StartupParameter::name);
  if (found == parameters_.end()) return std::nullopt;
  return found->value;
}

std::string_view StartupMessage::database() const {
  const std::string_view database = Find("database").value_or("");
  return database.empty() ? user() : database;
}

StartupMessage::Replication StartupMessage::replication() const {
  const std::string_view value = Find("replication").value_or("");
  if (value == "database") return Replication::kLogical;
  return IsTrue(value) ? Replication::kPhysical : Replication::kNone;
}

void StartupMessage::Replace(std::string_view name, std::string value) {
  const auto found = std::ranges::find(parameters_, name, &StartupParameter::name);
  if (found != parameters_.end()) found->value = std::move(value);
}

void StartupMessage::Remove(std::string_view name) {
  std::erase_if(parameters_, [name](const StartupParameter& p) { return p.name == name; });
}

std::string StartupMessage::Write(std::uint32_t version) const {
  std::string packet(4, '\0');
  AppendInt32(packet, version);
  for (const StartupParameter& parameter : parameters_) {
    if (parameter.name.starts_with(kExtensionPrefix)) continue;
    AppendText(packet, parameter.name);
    AppendText(packet, parameter.value);
  }
  packet.push_back('\0');
  std::string length;
  AppendInt32(length, static_cast<std::uint32_t>(packet.size()));
  return packet.replace(0, length.size(), length);
}

}  // namespace prism::branching
