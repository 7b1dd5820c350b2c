#include "gateway/admin/field_places.h"

#include <fmt/format.h>

namespace prism::gateway {

using namespaces::Mark;
using namespaces::YamlValue;

Mark FieldPlaces::Place(std::string path) {
  paths_.push_back(std::move(path));
  return {.line = static_cast<int>(paths_.size()), .column = 1};
}

YamlValue FieldPlaces::Map(std::string path) {
  return {YamlValue::Kind::kMap, Place(std::move(path))};
}

YamlValue FieldPlaces::List(std::string path) {
  return {YamlValue::Kind::kList, Place(std::move(path))};
}

YamlValue FieldPlaces::Text(std::string path, std::string text) {
  YamlValue value(YamlValue::Kind::kScalar, Place(std::move(path)));
  value.scalar = std::move(text);
  value.quoted = true;
  return value;
}

void FieldPlaces::Put(YamlValue& map, std::string key, YamlValue value) {
  const Mark mark = value.mark;
  map.fields.push_back({{std::move(key), mark}, std::move(value)});
}

Error FieldPlaces::ToError(const namespaces::Problems& problems) const {
  const auto& all = problems.all();
  const auto place = [this](const namespaces::Problem& problem) -> const std::string& {
    return paths_[static_cast<std::size_t>(problem.mark.line) - 1];
  };
  if (all.size() == 1) {
    const namespaces::Problem& only = all.front();
    return Error(Code::kInvalidArgument, only.reason,
                 fmt::format("{}: {}", place(only), only.message))
        .WithField(place(only), only.message);
  }
  std::string message = fmt::format("there are {} problems:", all.size());
  for (const auto& problem : all) {
    message += fmt::format("\n  {}: {}: {}", place(problem), problem.reason, problem.message);
  }
  Error error(Code::kInvalidArgument, "CONFIG_INVALID", std::move(message));
  for (const auto& problem : all) {
    error = std::move(error).WithField(place(problem),
                                       fmt::format("{}: {}", problem.reason, problem.message));
  }
  return error;
}

}  // namespace prism::gateway
