// A record that owns its values, for tests, fuzzing and benchmarks.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "filter/record.h"

namespace prism::filter {

using StringList = std::vector<std::string>;
using StringMap = std::map<std::string, std::string, std::less<>>;
using Cell = std::variant<std::monostate, std::string, std::int64_t, double, bool, Instant,
                          StringList, StringMap>;

// One cell for each field of the schema, in its order.
class MemoryRecord final : public Record {
 public:
  explicit MemoryRecord(std::vector<Cell> cells) : cells_(std::move(cells)) {}

  Value At(std::size_t field) const override {
    return std::visit(
        []<class T>(const T& cell) -> Value {
          if constexpr (std::is_same_v<T, StringList> || std::is_same_v<T, StringMap>) {
            return {};
          } else if constexpr (std::is_same_v<T, std::string>) {
            return std::string_view(cell);
          } else {
            return cell;
          }
        },
        cells_[field]);
  }

  bool Any(std::size_t field, const Visit& visit) const override {
    if (const auto* list = std::get_if<StringList>(&cells_[field])) {
      for (const std::string& element : *list) {
        if (visit(element, {})) return true;
      }
    }
    if (const auto* map = std::get_if<StringMap>(&cells_[field])) {
      for (const auto& [key, value] : *map) {
        if (visit(key, value)) return true;
      }
    }
    return false;
  }

  const std::vector<Cell>& cells() const { return cells_; }

 private:
  std::vector<Cell> cells_;
};

}  // namespace prism::filter
