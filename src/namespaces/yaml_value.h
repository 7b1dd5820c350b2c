// A YAML document as a tree that knows its places. Only what configuration needs: one document,
// plain and quoted scalars, lists, maps with scalar keys; no anchors, aliases or tags, so that what
// is written is what is meant, and a small file can't unfold into a large one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "namespaces/problems.h"

namespace prism::namespaces {

struct YamlLimits {
  std::size_t max_bytes = 16u << 20;
  std::size_t max_depth = 16;
  std::size_t max_nodes = 2'000'000;
};

struct YamlKey {
  std::string text;
  Mark mark;
};

struct YamlField;

struct YamlValue {
  enum class Kind { kNull, kScalar, kList, kMap };

  YamlValue();
  YamlValue(Kind node_kind, Mark place);

  Kind kind = Kind::kNull;
  Mark mark;
  std::string scalar;
  bool quoted = false;  // then it is text even where it looks like a number
  std::vector<YamlValue> items;
  std::vector<YamlField> fields;  // in the order of the file

  // "a list", "a map", ... for messages.
  std::string_view KindName() const;
};

struct YamlField {
  YamlKey key;
  YamlValue value;
};

// Adds YAML_SYNTAX, CONFIG_TOO_LARGE, YAML_UNSUPPORTED and DUPLICATE_KEY to `problems`; the tree is
// what could be read up to there. An empty document is null. Nothing is thrown.
YamlValue ParseYaml(std::string_view text, const YamlLimits& limits, Problems& problems);

}  // namespace prism::namespaces
