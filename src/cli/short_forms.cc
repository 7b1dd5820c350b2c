#include "cli/short_forms.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace prism::cli {
namespace {

using namespaces::Mark;
using namespaces::Problems;
using namespaces::YamlField;
using namespaces::YamlValue;

auto Find(YamlValue& map, std::string_view name) {
  return std::ranges::find_if(map.fields, [name](const YamlField& field) {
    std::string key = field.key.text;
    std::ranges::replace(key, '-', '_');
    return key == name;
  });
}

bool Has(YamlValue& map, std::string_view name) { return Find(map, name) != map.fields.end(); }

void Put(YamlValue& map, std::string key, Mark mark, YamlValue value) {
  map.fields.push_back({.key = {.text = std::move(key), .mark = mark}, .value = std::move(value)});
}

void SpellOutSlots(YamlValue& ns, YamlField slots, Problems& problems) {
  const Mark mark = slots.key.mark;
  const auto pattern = Find(ns, "pattern");
  if (Has(ns, "patterns")) {
    return problems.Add(mark, "BAD_VALUE", "slots and patterns exclude each other: keep patterns");
  }
  if (pattern == ns.fields.end() || pattern->value.kind != YamlValue::Kind::kScalar) {
    return problems.Add(mark, "MISSING_KEY", "slots are those of a pattern: add pattern: ID");
  }
  YamlValue first;
  if (!slots.value.fields.empty()) {
    YamlValue& slot = slots.value.fields.front().value;
    if (const auto backend = Find(slot, "backend"); backend != slot.fields.end()) {
      first = backend->value;
    }
  }
  YamlValue whole(YamlValue::Kind::kMap, mark);
  Put(whole, "type", mark, pattern->value);
  Put(whole, "slots", mark, std::move(slots.value));
  YamlValue list(YamlValue::Kind::kList, mark);
  list.items.push_back(std::move(whole));
  Put(ns, "patterns", mark, std::move(list));
  if (first.kind == YamlValue::Kind::kScalar && !Has(ns, "backend")) {
    Put(ns, "backend", mark, std::move(first));
  }
}

}  // namespace

void SpellOut(YamlValue& ns, Problems& problems) {
  if (const auto connection = Find(ns, "connection_string"); connection != ns.fields.end()) {
    problems.Add(connection->key.mark, "NEEDS_IMPORT",
                 "connection_string makes a backend besides the namespace: use \"prism config "
                 "import FILE\", or make the backend first and name it here");
    ns.fields.erase(connection);
  }
  if (const auto place = Find(ns, "slots"); place != ns.fields.end()) {
    YamlField slots = std::move(*place);
    ns.fields.erase(place);
    SpellOutSlots(ns, std::move(slots), problems);
  }
}

}  // namespace prism::cli
