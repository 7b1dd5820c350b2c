#include "namespaces/map_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "base/units.h"
#include "namespaces/text_bounds.h"

namespace prism::namespaces {

namespace {

std::string Normal(std::string_view key) {
  std::string normal(key);
  std::ranges::replace(normal, '-', '_');
  return normal;
}

}  // namespace

MapReader::MapReader(const YamlValue& value, std::string what, Problems& problems)
    : value_(value), what_(std::move(what)), problems_(problems), taken_(value.fields.size()) {
  if (value.kind != YamlValue::Kind::kMap && value.kind != YamlValue::Kind::kNull) {
    Add(value.mark, "BAD_VALUE",
        fmt::format("{} is {} where a map (key: value) is expected", what_, value.KindName()));
  }
}

const YamlValue* MapReader::Take(std::string_view key) {
  known_.emplace_back(key);
  const YamlValue* found = nullptr;
  for (std::size_t i = 0; i < value_.fields.size(); ++i) {
    const auto& [name, value] = value_.fields[i];
    if (Normal(name.text) != key) continue;
    taken_[i] = true;
    if (found != nullptr) {
      Add(name.mark, "DUPLICATE_KEY",
          fmt::format("\"{}\" is another spelling of \"{}\", which is there already: keep one",
                      name.text, key));
      continue;
    }
    found = &value;
  }
  return found;
}

const YamlValue* MapReader::Scalar(std::string_view key, std::string_view wanted) {
  const YamlValue* value = Take(key);
  if (value == nullptr) return nullptr;
  if (value->kind == YamlValue::Kind::kScalar) return value;
  Add(value->mark, "BAD_VALUE",
      fmt::format("{} is {} where {} is expected", key, value->KindName(), wanted));
  return nullptr;
}

std::optional<std::string> MapReader::String(std::string_view key) {
  const YamlValue* value = Scalar(key, "a text");
  if (value == nullptr) return std::nullopt;
  return value->scalar;
}

std::optional<bool> MapReader::Bool(std::string_view key) {
  const YamlValue* value = Scalar(key, "true or false");
  if (value == nullptr) return std::nullopt;
  if (value->scalar == "true") return true;
  if (value->scalar == "false") return false;
  Add(value->mark, "BAD_VALUE", fmt::format("{} must be true or false", key));
  return std::nullopt;
}

std::optional<std::uint64_t> MapReader::Number(std::string_view key, std::uint64_t min,
                                               std::uint64_t max) {
  const YamlValue* value = Scalar(key, "a whole number");
  if (value == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = value->scalar.data() + value->scalar.size();
  const auto parsed = std::from_chars(value->scalar.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number >= min && number <= max) {
    return number;
  }
  Add(value->mark, "BAD_VALUE",
      fmt::format("{} must be a whole number from {} to {}", key, min, max));
  return std::nullopt;
}

std::optional<std::uint64_t> MapReader::Size(std::string_view key, std::uint64_t min,
                                             std::uint64_t max) {
  const YamlValue* value = Scalar(key, "a size like 256KiB");
  if (value == nullptr) return std::nullopt;
  const Result<std::uint64_t> size = base::ParseSize(value->scalar);
  if (!size) {
    Add(value->mark, "BAD_VALUE", fmt::format("{}: {}", key, size.error().message()));
    return std::nullopt;
  }
  if (*size >= min && *size <= max) return *size;
  Add(value->mark, "BAD_VALUE",
      fmt::format("{} must be from {} to {}", key, base::FormatSize(min), base::FormatSize(max)));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> MapReader::Duration(std::string_view key,
                                                             std::chrono::milliseconds min,
                                                             std::chrono::milliseconds max) {
  const YamlValue* value = Scalar(key, "a duration like 10s");
  if (value == nullptr) return std::nullopt;
  const Result<std::chrono::milliseconds> duration = base::ParseDuration(value->scalar);
  if (!duration) {
    Add(value->mark, "BAD_VALUE", fmt::format("{}: {}", key, duration.error().message()));
    return std::nullopt;
  }
  if (*duration >= min && *duration <= max) return *duration;
  Add(value->mark, "BAD_VALUE",
      fmt::format("{} must be from {} to {}", key, base::FormatDuration(min),
                  base::FormatDuration(max)));
  return std::nullopt;
}

std::optional<std::string> MapReader::OneOf(std::string_view key,
                                            const std::vector<std::string>& choices) {
  const YamlValue* value = Scalar(key, fmt::format("one of {}", fmt::join(choices, ", ")));
  if (value == nullptr) return std::nullopt;
  if (std::ranges::find(choices, value->scalar) != choices.end()) return value->scalar;
  Add(value->mark, "BAD_VALUE", fmt::format("{} must be one of {}", key, fmt::join(choices, ", ")));
  return std::nullopt;
}

std::optional<std::string> MapReader::Text(std::string_view key, std::size_t max_bytes,
                                           Check also) {
  const YamlValue* value = Scalar(key, "a text");
  if (value == nullptr) return std::nullopt;
  auto wrong = WrongText(value->scalar, max_bytes);
  if (!wrong && also != nullptr) wrong = also(value->scalar);
  if (!wrong) return value->scalar;
  Add(value->mark, "BAD_VALUE", fmt::format("{} {}", key, *wrong));
  return std::nullopt;
}

std::vector<std::string> MapReader::Strings(const YamlValue& value, std::string_view key) {
  std::vector<std::string> texts;
  if (value.kind != YamlValue::Kind::kList) {
    Add(value.mark, "BAD_VALUE",
        fmt::format("{} is {} where a list is expected: [a, b]", key, value.KindName()));
    return texts;
  }
  for (const YamlValue& item : value.items) {
    if (item.kind == YamlValue::Kind::kScalar) {
      texts.push_back(item.scalar);
    } else {
      Add(item.mark, "BAD_VALUE",
          fmt::format("{} holds {} where texts are expected", key, item.KindName()));
    }
  }
  return texts;
}

std::optional<std::vector<std::string>> MapReader::TextList(std::string_view key, std::size_t most,
                                                            std::size_t max_bytes) {
  const YamlValue* value = Take(key);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> texts = Strings(*value, key);
  const bool wrong = std::ranges::any_of(texts, [max_bytes](const std::string& text) {
    return text.empty() || WrongText(text, max_bytes);
  });
  if (wrong || texts.size() > most) {
    Add(value->mark, "BAD_VALUE",
        fmt::format("{} must be at most {} texts of 1 to {} bytes, without control characters", key,
                    most, max_bytes));
    return std::nullopt;
  }
  return texts;
}

void MapReader::Refuse(std::string_view key, std::string_view why) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    const YamlKey& name = value_.fields[i].key;
    if (Normal(name.text) != key) continue;
    taken_[i] = true;
    Add(name.mark, "UNKNOWN_KEY",
        fmt::format("{} has no setting \"{}\": {}", what_, name.text, why));
  }
}

void MapReader::Finish() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    const YamlKey& key = value_.fields[i].key;
    const auto nearest = base::NearestMatch(Normal(key.text), known_);
    const std::string advice = nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                                       : fmt::format("known are {}", fmt::join(known_, ", "));
    Add(key.mark, "UNKNOWN_KEY",
        fmt::format("{} has no setting \"{}\": {}", what_, key.text, advice));
  }
}

}  // namespace prism::namespaces
