// What the store knows of namespaces beside their configuration.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "namespaces/store/change.h"

namespace prism::namespaces {

// The facts of all namespaces. Immutable; a table that differs from another in one of ten thousand
// shares all the others but its neighbours with it. Thread rule: as of a value.
class FactsTable {
 public:
  FactsTable() { parts_.fill(std::make_shared<const Part>()); }

  // nullptr: there is no namespace of that name.
  const NamespaceFacts* Find(std::string_view name) const;
  // What it becomes by the edits, in their order.
  FactsTable With(const std::vector<Edit<NamespaceFacts>>& edits) const;

  friend bool operator==(const FactsTable& a, const FactsTable& b);

 private:
  // Each namespace is in the one that its name's hash chooses.
  using Part = std::map<std::string, NamespaceFacts, std::less<>>;
  static constexpr std::size_t kParts = 256;

  std::array<std::shared_ptr<const Part>, kParts> parts_;
};

}  // namespace prism::namespaces
