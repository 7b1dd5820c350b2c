// The target of a request for a resource, "/v1/{namespace}/{kind}/{name}?{query}". Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace prism::gateway {

// Cut, not decoded: views of what was cut. Nothing is normalised: "." and ".." are segments like
// any other, and so is an empty one.
struct Target {
  std::string_view ns;
  std::string_view kind;                 // "keyvalue"
  std::optional<std::string_view> name;  // all that follows "kind/", further slashes included
  std::string_view query;
};

// Nothing: not below /v1/, or shorter than a namespace and a kind.
std::optional<Target> SplitTarget(std::string_view target);

// A parameter that a resource knows. `is_code`: base64, in which '+' is no space.
struct KnownParameter {
  std::string_view name;
  bool is_code = false;
};

// INVALID_ARGUMENT/PARAMETER_UNKNOWN with the nearest known name; a name that is long is not
// repeated.
Error UnknownParameter(const std::string& name, std::span<const std::string_view> known);

// The decoded parameters of a query. Life cycle: a value, made by Parse.
class Query {
 public:
  // INVALID_ARGUMENT: PARAMETER_UNKNOWN with the nearest known name, PARAMETER_REPEATED, and what
  // DecodeText refuses.
  static Result<Query> Parse(std::string_view query, std::span<const KnownParameter> known);

  // nullptr: not given.
  const std::string* Find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::string>> parameters_;  // names of `known`
};

}  // namespace prism::gateway
