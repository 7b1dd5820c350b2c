#include "filter/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "filter/error.h"

namespace prism::filter {
namespace {

// Longer words are not mistyped names, and comparing them is work.
constexpr std::size_t kMaxSuggestedFor = 64;

bool IsSound(const Field& field) {
  const bool searchable = field.type == Type::kString || field.type == Type::kStringList;
  return !field.name.empty() && (searchable || !field.searched) &&
         (field.type == Type::kEnum) != field.names.empty();
}

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "text";
    case Type::kInt64:
      return "a whole number";
    case Type::kDouble:
      return "a number";
    case Type::kBool:
      return "true or false";
    case Type::kTimestamp:
      return "a time such as 2026-11-21T08:00:00Z";
    case Type::kDuration:
      return "a duration in seconds such as 20s or 1.5s";
    case Type::kEnum:
      return "one of a set of names";
    case Type::kStringList:
      return "a list";
    case Type::kStringMap:
      return "a map";
  }
  std::unreachable();
}

Schema::Schema(std::vector<Field> fields, std::vector<Function> functions)
    : fields_(std::move(fields)), functions_(std::move(functions)) {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    PRISM_CHECK(IsSound(fields_[i]), "name every field, give enums their names, search only text");
    PRISM_CHECK(Find(fields_[i].name) == i, "name each field once");
    PRISM_CHECK(fields_[i].also.empty() || Find(fields_[i].also) == i, "name each field once");
  }
}

Result<Expression> Schema::Expand(const Call& call) const {
  const auto found = std::ranges::find(functions_, call.name, &Function::name);
  if (found == functions_.end()) {
    std::vector<std::string_view> known;
    for (const Function& function : functions_) known.push_back(function.name);
    return std::unexpected(
        Refusal(kFunctionUnknown, call.column,
                fmt::format("no function {}; functions are {}", Quote(call.name),
                            known.empty() ? "none" : fmt::to_string(fmt::join(known, ", ")))));
  }
  if (call.arguments.size() != found->arguments) {
    return std::unexpected(Refusal(kArgumentsWrong, call.column,
                                   fmt::format("{} takes {} arguments, not {}", found->name,
                                               found->arguments, call.arguments.size())));
  }
  return found->expand(call.arguments);
}

std::optional<std::size_t> Schema::Find(std::string_view name) const {
  const auto found = std::ranges::find_if(fields_, [name](const Field& field) {
    return field.name == name || (!field.also.empty() && field.also == name);
  });
  if (found == fields_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - fields_.begin());
}

Result<Schema::Resolved> Schema::Resolve(const Member& member) const {
  const std::string name = fmt::to_string(fmt::join(member.parts, "."));
  if (const auto whole = Find(name)) return Resolved{.field = *whole};
  std::size_t end = name.size();
  for (std::size_t left = member.parts.size() - 1; left > 0; --left) {
    end -= member.parts[left].size() + 1;
    const auto head = Find(std::string_view(name).substr(0, end));
    if (!head) continue;
    if (at(*head).type != Type::kStringMap) {
      return std::unexpected(NotTraversed(member, at(*head)));
    }
    return Resolved{.field = *head, .key = name.substr(end + 1)};
  }
  return std::unexpected(Unknown(member, name));
}

Error Schema::NotTraversed(const Member& member, const Field& field) const {
  const std::string what =
      field.type == Type::kStringList
          ? fmt::format("the elements of {0} have no names; {0}:value asks for one", field.name)
          : fmt::format("{} has no fields: it is {}", field.name, TypeName(field.type));
  return Refusal(kFieldUnknown, member.column, what);
}

Error Schema::Unknown(const Member& member, std::string_view name) const {
  std::vector<std::string> known;
  for (const Field& field : fields_) known.push_back(field.name);
  std::string advice;
  if (name.size() <= kMaxSuggestedFor) {
    if (const auto nearest = base::NearestMatch(name, known)) {
      advice = fmt::format("did you mean {}? ", *nearest);
    }
  }
  const std::string list = fmt::to_string(fmt::join(known, ", "));
  return Refusal(kFieldUnknown, member.column,
                 fmt::format("no field {}; {}fields are {}", Quote(name), advice, list))
      .With("known_fields", list);
}

}  // namespace prism::filter
