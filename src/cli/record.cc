#include "cli/record.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "base/base64.h"
#include "base/units.h"

namespace prism::cli {
namespace {

using nlohmann::json;

Error BadLine(std::string what) {
  return Error(Code::kInvalidArgument, "BAD_LINE", std::move(what));
}

Result<std::string> Text(const json& value, std::string_view name) {
  if (!value.is_string())
    return std::unexpected(BadLine(fmt::format("\"{}\" must be a string", name)));
  return value.get<std::string>();
}

Status SetValue(const json& value, Record& record) {
  TRY_ASSIGN(const std::string text, Text(value, "value"));
  std::optional<std::string> bytes = base::Base64Decode(text);
  if (!bytes) {
    return std::unexpected(BadLine("\"value\" is no base64: write plain text as \"text\" instead"));
  }
  record.value = *std::move(bytes);
  return {};
}

Status SetExpireTime(const json& value, WallMillis now, Record& record) {
  TRY_ASSIGN(const std::string text, Text(value, "expire_time"));
  google::protobuf::Timestamp time;
  if (!google::protobuf::util::TimeUtil::FromString(text, &time)) {
    return std::unexpected(
        BadLine("\"expire_time\" is no time: write it as in RFC 3339, such as "
                "\"2026-11-21T05:00:00.250Z\""));
  }
  record.ttl = std::chrono::milliseconds(
      google::protobuf::util::TimeUtil::TimestampToMilliseconds(time) - now);
  return {};
}

Status SetTags(const json& value, Record& record) {
  if (!value.is_object()) return std::unexpected(BadLine("\"tags\" must be an object of strings"));
  for (const auto& [name, tag] : value.items()) {
    TRY_ASSIGN(record.tags[name], Text(tag, "tags"));
  }
  return {};
}

// Takes one member of a line; false when it is unknown.
Result<bool> TakeMember(const std::string& name, const json& value, WallMillis now,
                        Record& record) {
  if (name == "key") {
    TRY_ASSIGN(record.key, Text(value, name));
  } else if (name == "value") {
    TRY(SetValue(value, record));
  } else if (name == "text") {
    TRY_ASSIGN(record.value, Text(value, name));
  } else if (name == "expire_time") {
    TRY(SetExpireTime(value, now, record));
  } else if (name == "ttl") {
    TRY_ASSIGN(const std::string text, Text(value, name));
    TRY_ASSIGN(record.ttl, base::ParseDuration(text));
  } else if (name == "tags") {
    TRY(SetTags(value, record));
  } else {
    return name == "version";
  }
  return true;
}

Result<json> ParseObject(std::string_view line) {
  json object = json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return std::unexpected(
        BadLine("the line is no JSON object, such as {\"key\": \"a\", \"text\": \"b\"}"));
  }
  return object;
}

Result<Record> ReadRecord(const json& object, WallMillis now, bool needs_value) {
  Record record;
  for (const auto& [name, value] : object.items()) {
    TRY_ASSIGN(const bool known, TakeMember(name, value, now, record));
    if (!known) {
      return std::unexpected(
          BadLine(fmt::format("\"{}\" is unknown: there are key, value (base64), text, "
                              "expire_time, ttl, tags and version",
                              name)));
    }
  }
  if (!object.contains("key")) return std::unexpected(BadLine("\"key\" is missing"));
  if (object.contains("value") && object.contains("text")) {
    return std::unexpected(BadLine("\"value\" and \"text\" say the same thing: write one of them"));
  }
  if (object.contains("expire_time") && object.contains("ttl")) {
    return std::unexpected(
        BadLine("\"expire_time\" and \"ttl\" say the same thing: write one of them"));
  }
  if (needs_value && !object.contains("value") && !object.contains("text")) {
    return std::unexpected(BadLine("\"value\" (base64) or \"text\" is missing"));
  }
  return record;
}

Result<Step::Kind> ParseKind(std::string_view name) {
  if (name == "get") return Step::Kind::kGet;
  if (name == "set") return Step::Kind::kSet;
  if (name == "delete") return Step::Kind::kDelete;
  return std::unexpected(BadLine(fmt::format(
      "\"{}\" is no step of a transaction: there are get KEY, set KEY VALUE and delete KEY",
      name)));
}

// Cuts a word off the front: a JSON string when it begins with a quote, else up to the next space.
Result<std::string> TakeWord(std::string_view& rest) {
  if (!rest.starts_with('"')) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    std::string word(rest.substr(0, end));
    rest.remove_prefix(end);
    return word;
  }
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  const json parsed = json::parse(rest.substr(0, end + 1), nullptr, false);
  if (!parsed.is_string())
    return std::unexpected(
        BadLine("a quoted word is no JSON string: its end is missing or an "
                "escape is wrong"));
  rest.remove_prefix(end + 1);
  if (!rest.empty() && rest.front() != ' ')
    return std::unexpected(BadLine("a space is missing behind a quoted word"));
  return parsed.get<std::string>();
}

Result<Step> ParsePlainStep(std::string_view rest) {
  TRY_ASSIGN(const std::string name, TakeWord(rest));
  TRY_ASSIGN(const Step::Kind kind, ParseKind(name));
  Step step{.kind = kind, .record = {}};
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty())
    return std::unexpected(BadLine(fmt::format("the key behind \"{}\" is missing", name)));
  TRY_ASSIGN(step.record.key, TakeWord(rest));
  if (kind != Step::Kind::kSet) {
    if (!rest.empty()) {
      return std::unexpected(
          BadLine(fmt::format("\"{}\" takes a key only: write a key with spaces in quotes", name)));
    }
    return step;
  }
  // One space belongs to the syntax, all others to the value.
  if (rest.empty())
    return std::unexpected(
        BadLine("the value behind the key is missing: write \"\" for an empty one"));
  rest.remove_prefix(1);
  if (!rest.starts_with('"')) {
    step.record.value = rest;
    return step;
  }
  TRY_ASSIGN(step.record.value, TakeWord(rest));
  if (!rest.empty()) return std::unexpected(BadLine("something follows the quoted value"));
  return step;
}

}  // namespace

Result<Record> ParseRecord(std::string_view line, WallMillis now) {
  TRY_ASSIGN(const json object, ParseObject(line));
  return ReadRecord(object, now, true);
}

Result<std::optional<Step>> ParseStep(std::string_view line, WallMillis now) {
  while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
  if (line.empty() || line.starts_with('#')) return std::nullopt;
  if (!line.starts_with('{')) {
    TRY_ASSIGN(Step step, ParsePlainStep(line));
    return step;
  }
  TRY_ASSIGN(json object, ParseObject(line));
  if (!object.contains("op"))
    return std::unexpected(BadLine("\"op\" is missing: get, set or delete"));
  TRY_ASSIGN(const std::string name, Text(object["op"], "op"));
  TRY_ASSIGN(const Step::Kind kind, ParseKind(name));
  object.erase("op");
  TRY_ASSIGN(Record record, ReadRecord(object, now, kind == Step::Kind::kSet));
  return Step{.kind = kind, .record = std::move(record)};
}

}  // namespace prism::cli
