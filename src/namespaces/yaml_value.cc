#include "namespaces/yaml_value.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <deque>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_map>

namespace prism::namespaces {

namespace {

// Ends the parse from inside a callback of the library; the problem has been added.
struct StopParsing : std::exception {};

class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // The get area is only read; its type has no const form.
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

Mark ToMark(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const YamlLimits& limits, Problems& problems)
      : limits_(limits), problems_(problems) {}

  YamlValue Take() && { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place(YamlValue(YamlValue::Kind::kNull, ToMark(mark)), "", anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Unsupported(ToMark(mark), "aliases (*name)");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlValue scalar(YamlValue::Kind::kScalar, ToMark(mark));
    scalar.scalar = value;
    scalar.quoted = tag == "!";
    Place(std::move(scalar), tag, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlValue(YamlValue::Kind::kList, ToMark(mark)), tag, anchor);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlValue(YamlValue::Kind::kMap, ToMark(mark)), tag, anchor);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct OpenNode {
    YamlValue* node;
    std::optional<YamlKey> key;                       // read, its value is next
    bool dropped = false;                             // the key was a duplicate
    std::unordered_map<std::string, Mark> keys = {};  // of a map
  };

  [[noreturn]] void Unsupported(Mark mark, std::string_view what) {
    problems_.Add(mark, "YAML_UNSUPPORTED",
                  fmt::format("{} are not supported: write the value out", what));
    throw StopParsing();
  }

  void Open(YamlValue value, const std::string& tag, YAML::anchor_t anchor) {
    if (open_.size() >= limits_.max_depth) {
      problems_.Add(value.mark, "CONFIG_TOO_LARGE",
                    fmt::format("more than {} levels of nesting", limits_.max_depth));
      throw StopParsing();
    }
    open_.push_back({.node = &Place(std::move(value), tag, anchor), .key = {}});
  }

  // Puts the value where it belongs. Addresses stay valid while a node is open, since only the
  // innermost open node grows.
  YamlValue& Place(YamlValue value, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Unsupported(value.mark, "anchors (&name)");
    if (!tag.empty() && tag != "?" && tag != "!") Unsupported(value.mark, "tags (!name)");
    if (++nodes_ > limits_.max_nodes) {
      problems_.Add(value.mark, "CONFIG_TOO_LARGE",
                    fmt::format("more than {} values", limits_.max_nodes));
      throw StopParsing();
    }
    if (open_.empty()) return root_ = std::move(value);
    OpenNode& parent = open_.back();
    if (parent.node->kind == YamlValue::Kind::kList) {
      return parent.node->items.emplace_back(std::move(value));
    }
    if (!parent.key) return PlaceKey(parent, std::move(value));
    YamlKey key = *std::move(parent.key);
    parent.key.reset();
    if (parent.dropped) return dropped_.emplace_back(std::move(value));
    parent.node->fields.push_back({std::move(key), std::move(value)});
    return parent.node->fields.back().value;
  }

  YamlValue& PlaceKey(OpenNode& parent, YamlValue value) {
    if (value.kind != YamlValue::Kind::kScalar) {
      problems_.Add(value.mark, "YAML_UNSUPPORTED", "a key must be a plain word");
      throw StopParsing();
    }
    const auto [it, inserted] = parent.keys.emplace(value.scalar, value.mark);
    parent.dropped = !inserted;
    if (!inserted) {
      problems_.Add(value.mark, "DUPLICATE_KEY",
                    fmt::format("\"{}\" stands here for the second time (first in line {}): keep "
                                "one of them",
                                value.scalar, it->second.line));
    }
    parent.key = YamlKey{value.scalar, value.mark};
    return key_;
  }

  const YamlLimits& limits_;
  Problems& problems_;
  YamlValue root_;
  std::vector<OpenNode> open_;
  std::size_t nodes_ = 0;
  YamlValue key_;                  // what PlaceKey answers: nobody writes to it
  std::deque<YamlValue> dropped_;  // values of duplicate keys; a deque keeps addresses
};

}  // namespace

YamlValue::YamlValue() = default;
YamlValue::YamlValue(Kind node_kind, Mark place) : kind(node_kind), mark(place) {}

std::string_view YamlValue::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "nothing";
}

YamlValue ParseYaml(std::string_view text, const YamlLimits& limits, Problems& problems) {
  if (text.size() > limits.max_bytes) {
    problems.Add(
        {}, "CONFIG_TOO_LARGE",
        fmt::format("the file has {} bytes, at most {} are read", text.size(), limits.max_bytes));
    return {};
  }
  TreeBuilder builder(limits, problems);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder) && parser) {
      TreeBuilder second(limits, problems);
      if (parser.HandleNextDocument(second)) {
        problems.Add({}, "YAML_UNSUPPORTED", "the file holds several documents: keep one");
      }
    }
  } catch (const StopParsing&) {
    // Said already.
  } catch (const YAML::Exception& error) {
    problems.Add(ToMark(error.mark), "YAML_SYNTAX", error.msg);
  } catch (const std::exception& error) {
    problems.Add({}, "YAML_SYNTAX", error.what());
  }
  return std::move(builder).Take();
}

}  // namespace prism::namespaces
