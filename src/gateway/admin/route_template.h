// The path of a route with its variables, "/admin/v1/namespaces/{name}:enable". Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace prism::gateway {

// Life cycle: a value; the text that it is made of, of a generated table, outlives it. Thread rule:
// immutable.
class RouteTemplate {
 public:
  // A segment is literal, or a variable with a literal end: "{name}", "{name}:enable".
  explicit RouteTemplate(std::string_view path);

  // Field and text of each variable, views of the path and not decoded.
  using Values = std::vector<std::pair<std::string_view, std::string_view>>;
  // Nothing: the path is another one. A variable is never empty. What is escaped is not literal.
  std::optional<Values> Match(std::string_view path) const;

  // Whether this one says more of a path that both match: the first segment in which they differ
  // decides, and there the longer literal.
  bool IsMoreSpecificThan(const RouteTemplate& other) const;

 private:
  struct Segment {
    std::string_view field;  // empty: it is literal
    std::string_view text;   // all of it, or what follows the variable
  };

  // Literals first, then variables by their literal end.
  static std::size_t RankOf(const Segment& segment);

  std::vector<Segment> segments_;
};

}  // namespace prism::gateway
