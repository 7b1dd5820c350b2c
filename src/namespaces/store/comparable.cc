#include "namespaces/store/comparable.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

namespace prism::namespaces {

namespace {

using std::chrono::milliseconds;

// Visits members one by one, as values or as optional ones; sizes are numbers.
template <class Derived>
class ValueVisitor {
 public:
  template <class T>
  void operator()(std::string_view key, const T& value, Bounds /*bounds*/ = {}) {
    self().template Visit<T>(key, &value);
  }
  template <class T>
  void operator()(std::string_view key, const std::optional<T>& value, Bounds /*bounds*/ = {}) {
    self().template Visit<T>(key, value ? &*value : nullptr);
  }
  void Size(std::string_view key, const std::optional<std::uint64_t>& bytes, Bounds bounds) {
    (*this)(key, bytes, bounds);
  }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

class ColumnWriter : public ValueVisitor<ColumnWriter> {
 public:
  template <class T>
  void Visit(std::string_view key, const T* value) {
    if (value == nullptr) return;
    nlohmann::json& into = object_[std::string(key)];
    if constexpr (std::is_enum_v<T>) {
      into = NameOf(*value);
    } else if constexpr (std::is_same_v<T, milliseconds>) {
      into = value->count();
    } else {
      into = *value;
    }
  }
  std::optional<std::string> Text() const {
    if (object_.empty()) return std::nullopt;
    return object_.dump();
  }

 private:
  nlohmann::json object_ = nlohmann::json::object();
};

class FieldLister : public ValueVisitor<FieldLister> {
 public:
  explicit FieldLister(std::string_view column) : column_(column) {}

  template <class T>
  void Visit(std::string_view key, const T* /*value*/) {
    filter::Field field{.name = fmt::format("{}.{}", column_, key),
                        .type = TypeOf<T>(),
                        .column = fmt::format("json_extract({}, '$.{}')", column_, key),
                        .unit = filter::TimeUnit::kMillis};
    if constexpr (std::is_enum_v<T>) field.names.assign(kNamesOf<T>.begin(), kNamesOf<T>.end());
    fields.push_back(std::move(field));
  }

  std::vector<filter::Field> fields;

 private:
  template <class T>
  static filter::Type TypeOf() {
    if constexpr (std::is_enum_v<T>) return filter::Type::kEnum;
    if constexpr (std::is_same_v<T, bool>) return filter::Type::kBool;
    if constexpr (std::is_same_v<T, milliseconds>) return filter::Type::kDuration;
    if constexpr (std::is_same_v<T, std::string>) return filter::Type::kString;
    return filter::Type::kInt64;
  }

  std::string_view column_;
};

// Takes the value of one field.
class Picker : public ValueVisitor<Picker> {
 public:
  explicit Picker(std::size_t index) : left_(index) {}

  template <class T>
  void Visit(std::string_view /*key*/, const T* value) {
    if (left_-- == 0 && value != nullptr) picked_ = ValueOf(*value);
  }
  filter::Value picked() const { return picked_; }

 private:
  static filter::Value ValueOf(const std::string& text) { return std::string_view(text); }
  static filter::Value ValueOf(bool on) { return on; }
  static filter::Value ValueOf(std::uint64_t number) { return static_cast<std::int64_t>(number); }
  static filter::Value ValueOf(milliseconds time) {
    return filter::Instant{.seconds = time.count() / 1000,
                           .nanos = static_cast<std::int32_t>(time.count() % 1000 * 1'000'000)};
  }
  template <class T>
    requires std::is_enum_v<T>
  static filter::Value ValueOf(T value) {
    return NameOf(value);
  }

  std::size_t left_;
  filter::Value picked_;
};

// The key behind "needs.".
std::string_view KeyOf(const filter::Field& field) {
  return std::string_view(field.name).substr(field.name.find('.') + 1);
}

}  // namespace

std::optional<std::string> NeedsColumn(const Needs& needs) {
  ColumnWriter writer;
  VisitNeeds(writer, needs);
  return writer.Text();
}

std::optional<std::string> ShadowColumn(const std::optional<ShadowConfig>& shadow) {
  if (!shadow) return std::nullopt;
  ColumnWriter writer;
  VisitShadow(writer, *shadow);
  return writer.Text();
}

std::vector<filter::Field> ComparableFields(const std::vector<filter::Field>& taken) {
  const Needs needs;
  FieldLister fields("needs");
  VisitNeeds(fields, needs);
  for (filter::Field& field : fields.fields) {
    const bool free = std::ranges::find(taken, KeyOf(field), &filter::Field::name) == taken.end();
    if (free) field.also = KeyOf(field);
  }
  const ShadowConfig shadow;
  FieldLister shadow_fields("shadow");
  VisitShadow(shadow_fields, shadow);
  std::ranges::move(shadow_fields.fields, std::back_inserter(fields.fields));
  return std::move(fields.fields);
}

filter::Value Comparable(const Needs& needs, const std::optional<ShadowConfig>& shadow,
                         std::size_t index) {
  Picker picker(index);
  VisitNeeds(picker, needs);
  if (shadow) VisitShadow(picker, *shadow);
  return picker.picked();
}

}  // namespace prism::namespaces
