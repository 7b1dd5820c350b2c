#include "gateway/rest/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "gateway/rest/escaped_text.h"

namespace prism::gateway {

namespace {

constexpr std::string_view kRoot = "/v1/";
// A longer name is not repeated in the error.
constexpr std::size_t kMaxShownName = 40;

// What stands before the separator, which is removed with it.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

Error UnknownParameter(const std::string& name, std::span<const std::string_view> known) {
  const std::vector<std::string> names(known.begin(), known.end());
  const auto nearest =
      name.size() <= kMaxShownName ? base::NearestMatch(name, names) : std::nullopt;
  const std::string shown =
      name.size() <= kMaxShownName ? fmt::format("\"{}\"", name) : std::string("of this name");
  std::string advice = "leave it out";
  if (nearest) {
    advice = fmt::format("did you mean \"{}\"?", *nearest);
  } else if (!names.empty()) {
    advice += fmt::format("; known are {}", fmt::join(names, ", "));
  }
  Error error = InvalidField("PARAMETER_UNKNOWN", "query",
                             fmt::format("has no parameter {}: {}", shown, advice));
  if (nearest) error = std::move(error).With("nearest", *nearest);
  return error;
}

std::optional<Target> SplitTarget(std::string_view target) {
  std::string_view path = TakeUntil(target, '?');
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (!path.contains('/')) return std::nullopt;
  Target parts;
  parts.query = target;
  parts.ns = TakeUntil(path, '/');
  const bool has_name = path.contains('/');
  parts.kind = TakeUntil(path, '/');
  if (has_name) parts.name = path;
  return parts;
}

Result<Query> Query::Parse(std::string_view query, std::span<const KnownParameter> known) {
  Query parsed;
  while (!query.empty()) {
    std::string_view text = TakeUntil(query, '&');
    if (text.empty()) continue;
    TRY_ASSIGN(const std::string name,
               DecodeText(TakeUntil(text, '='), TextPlace::kQuery, "query"));
    const auto parameter = std::ranges::find(known, name, &KnownParameter::name);
    if (parameter == known.end()) {
      std::vector<std::string_view> names;
      for (const KnownParameter& one : known) names.emplace_back(one.name);
      return std::unexpected(UnknownParameter(name, names));
    }
    if (parsed.Find(name) != nullptr) {
      return std::unexpected(
          InvalidField("PARAMETER_REPEATED", name, "is given twice: which of them counts?"));
    }
    const TextPlace place = parameter->is_code ? TextPlace::kQueryCode : TextPlace::kQuery;
    TRY_ASSIGN(std::string value, DecodeText(text, place, name));
    parsed.parameters_.emplace_back(parameter->name, std::move(value));
  }
  return parsed;
}

const std::string* Query::Find(std::string_view name) const {
  for (const auto& [known, value] : parameters_) {
    if (known == name) return &value;
  }
  return nullptr;
}

}  // namespace prism::gateway
