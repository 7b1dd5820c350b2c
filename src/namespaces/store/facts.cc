#include "namespaces/store/facts.h"

#include <algorithm>

namespace prism::namespaces {

const NamespaceFacts* FactsTable::Find(std::string_view name) const {
  const Part& part = *parts_[std::hash<std::string_view>()(name) % kParts];
  const auto it = part.find(name);
  return it == part.end() ? nullptr : &it->second;
}

FactsTable FactsTable::With(const std::vector<Edit<NamespaceFacts>>& edits) const {
  FactsTable next = *this;
  std::array<std::shared_ptr<Part>, kParts> changed;
  for (const Edit<NamespaceFacts>& edit : edits) {
    const std::size_t place = std::hash<std::string_view>()(edit.name) % kParts;
    auto& part = changed[place];
    if (part == nullptr) next.parts_[place] = part = std::make_shared<Part>(*parts_[place]);
    if (edit.to) {
      part->insert_or_assign(edit.name, *edit.to);
    } else {
      part->erase(edit.name);
    }
  }
  return next;
}

bool operator==(const FactsTable& a, const FactsTable& b) {
  return std::ranges::equal(a.parts_, b.parts_,
                            [](const auto& one, const auto& other) { return *one == *other; });
}

}  // namespace prism::namespaces
