// A filter that is ready: parsed, and bound to a schema.
#pragma once

#include <string_view>
#include <utility>

#include "base/status.h"
#include "filter/condition.h"
#include "filter/parser.h"
#include "filter/record.h"
#include "filter/schema.h"

namespace prism::filter {

// Immutable after Compile; copyable. `schema` must outlive it. Thread rule: any thread.
//
// What holds when (AIP-160, made exact; SQL says the same, see sql.h):
// * There are two truth values. A comparison of a missing value does not hold, whatever the
//   operator; NOT, "-" and "!=" are plain negations, so they hold for missing values.
// * Text is compared byte by byte. "=" takes a "*" at either end; ":" asks a string whether it
//   contains the value (with a "*", as "="), a list for an element, a map for a key.
// * `map.key` is a string. A key that is not there is a missing value.
// * ":" asks other types as "=" does. `f:*` asks for anything but the default of the type ("", 0,
//   false); every time is present, and so is a key of a map, whatever its value.
// * A value alone asks `field:value` of every field that the schema calls searched.
// * Whole numbers compare with whole numbers and doubles with doubles. -0.0 equals 0.0.
class Filter {
 public:
  // The empty filter holds for everything.
  static Result<Filter> Compile(std::string_view text, const Schema& schema,
                                const Limits& limits = {});

  bool Matches(const Record& record) const;

  const BoundNode& root() const { return root_; }
  const Schema& schema() const { return *schema_; }

 private:
  Filter(BoundNode root, const Schema& schema) : root_(std::move(root)), schema_(&schema) {}

  BoundNode root_;
  const Schema* schema_;
};

}  // namespace prism::filter
