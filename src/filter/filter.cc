#include "filter/filter.h"

#include <algorithm>

#include "filter/binder.h"

namespace prism::filter {
namespace {

// As deep as the parser allowed.
bool HoldsFor(const BoundNode& node, const Record& record) {
  const auto holds = [&](const BoundNode& child) { return HoldsFor(child, record); };
  switch (node.kind) {
    case BoundNode::Kind::kAnd:
      return std::ranges::all_of(node.children, holds);
    case BoundNode::Kind::kOr:
      return std::ranges::any_of(node.children, holds);
    case BoundNode::Kind::kNot:
      return !holds(node.children.front());
    case BoundNode::Kind::kCondition:
      return Holds(node.condition, record);
  }
  std::unreachable();
}

}  // namespace

Result<Filter> Filter::Compile(std::string_view text, const Schema& schema, const Limits& limits) {
  TRY_ASSIGN(const Expression expression, Parse(text, limits));
  TRY_ASSIGN(BoundNode root, Bind(expression, schema));
  return Filter(std::move(root), schema);
}

bool Filter::Matches(const Record& record) const { return HoldsFor(root_, record); }

}  // namespace prism::filter
