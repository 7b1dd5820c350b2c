#include "namespaces/block_reader.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <type_traits>
#include <utility>

#include "namespaces/map_reader.h"

namespace prism::namespaces {

namespace {

using std::chrono::milliseconds;

// Visits the members of a block: what can't be read stays as it is.
class BlockReader {
 public:
  explicit BlockReader(MapReader& map) : map_(map) {}

  template <class Member>
  void operator()(std::string_view key, Member& into, Bounds bounds = {}) {
    Set(Read(key, into, bounds), into);
  }
  template <class Member>
  void Size(std::string_view key, Member& into, Bounds bounds) {
    Set(map_.Size(key, bounds.min, bounds.max), into);
  }

 private:
  template <class T>
  static void Set(std::optional<T> read, T& into) {
    if (read) into = *std::move(read);
  }
  template <class T>
  static void Set(std::optional<T> read, std::optional<T>& into) {
    if (read) into = std::move(read);
  }
  template <class T>
  std::optional<T> Read(std::string_view key, std::optional<T>& /*kind*/, Bounds bounds) {
    T kind{};
    return Read(key, kind, bounds);
  }
  std::optional<std::uint64_t> Read(std::string_view key, std::uint64_t& /*kind*/, Bounds bounds) {
    return map_.Number(key, bounds.min, bounds.max);
  }
  std::optional<std::string> Read(std::string_view key, std::string& /*kind*/, Bounds /*bounds*/) {
    return map_.String(key);
  }
  std::optional<bool> Read(std::string_view key, bool& /*kind*/, Bounds /*bounds*/) {
    return map_.Bool(key);
  }
  std::optional<milliseconds> Read(std::string_view key, milliseconds& /*kind*/, Bounds bounds) {
    return map_.Duration(key, milliseconds(bounds.min), milliseconds(bounds.max));
  }
  template <class T>
    requires std::is_enum_v<T>
  std::optional<T> Read(std::string_view key, T& /*kind*/, Bounds /*bounds*/) {
    const auto name = map_.OneOf(key, {kNamesOf<T>.begin(), kNamesOf<T>.end()});
    if (!name) return std::nullopt;
    return static_cast<T>(std::ranges::find(kNamesOf<T>, *name) - kNamesOf<T>.begin());
  }

  MapReader& map_;
};

// The value behind a key of one word; nullptr: there is none.
const YamlValue* Find(const YamlValue& map, std::string_view key) {
  const auto it = std::ranges::find_if(
      map.fields, [key](const YamlField& field) { return field.key.text == key; });
  return it == map.fields.end() ? nullptr : &it->value;
}

}  // namespace

Needs ReadNeeds(const YamlValue& value, Problems& problems) {
  MapReader map(value, "needs", problems);
  BlockReader reader(map);
  Needs needs;
  VisitNeeds(reader, needs);
  map.Finish();
  return needs;
}

std::optional<ShadowConfig> ReadShadow(const YamlValue& value, const BackendCheck& check,
                                       Problems& problems) {
  MapReader map(value, "shadow", problems);
  BlockReader reader(map);
  ShadowConfig shadow;
  VisitShadow(reader, shadow);
  map.Finish();
  if (!shadow.reads && !shadow.writes) {
    map.Add(value.mark, "BAD_VALUE",
            "shadow mirrors neither reads nor writes: leave out one of the two, or shadow itself");
  }
  const YamlValue* const backend = Find(value, "backend");
  if (backend == nullptr && value.kind == YamlValue::Kind::kMap) {
    map.Add(value.mark, "MISSING_KEY",
            "shadow has no backend: add backend: NAME, where calls are mirrored to");
  }
  if (backend == nullptr || backend->kind != YamlValue::Kind::kScalar) return std::nullopt;
  check(shadow.backend, backend->mark);
  return shadow;
}

}  // namespace prism::namespaces
