#include "gateway/admin/route_template.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace prism::gateway {

namespace {

// What stands before the next slash, which is removed with it.
std::string_view TakeSegment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(segment.size() + 1, path.size()));
  return segment;
}

}  // namespace

RouteTemplate::RouteTemplate(std::string_view path) {
  PRISM_CHECK(path.starts_with('/'), "a route begins with a slash");
  path.remove_prefix(1);
  do {
    const std::string_view text = TakeSegment(path);
    if (!text.starts_with('{')) {
      segments_.push_back({.field = {}, .text = text});
      continue;
    }
    const std::size_t close = text.find('}');
    PRISM_CHECK(close != std::string_view::npos && text.find('{', 1) == std::string_view::npos,
                "a segment has one variable, at its begin");
    segments_.push_back({.field = text.substr(1, close - 1), .text = text.substr(close + 1)});
  } while (!path.empty());
}

std::optional<RouteTemplate::Values> RouteTemplate::Match(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  Values values;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    const bool last = i + 1 == segments_.size();
    // A slash at the end is another path.
    if (path.contains('/') == last) return std::nullopt;
    std::string_view text = TakeSegment(path);
    if (segment.field.empty()) {
      if (text != segment.text) return std::nullopt;
      continue;
    }
    if (text.size() <= segment.text.size() || !text.ends_with(segment.text)) return std::nullopt;
    text.remove_suffix(segment.text.size());
    values.emplace_back(segment.field, text);
  }
  return values;
}

std::size_t RouteTemplate::RankOf(const Segment& segment) {
  return segment.field.empty() ? std::numeric_limits<std::size_t>::max() : segment.text.size();
}

bool RouteTemplate::IsMoreSpecificThan(const RouteTemplate& other) const {
  return std::ranges::lexicographical_compare(
      segments_, other.segments_,
      [](const Segment& a, const Segment& b) { return RankOf(a) > RankOf(b); });
}

}  // namespace prism::gateway
