#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::rpc {

enum class JsonKind : std::uint8_t {
  kNull,
  kFalse,
  kTrue,
  kNumber,
  kString,
  kEscapedString,  // a string whose text differs from its spelling
  kObject,
  kArray,
};

// A JSON text as the list of its values in document order, each 16 bytes: what follows decides on
// its own which ones to look at, and may look ahead (the "@type" of an Any need not come first).
// Numbers and plain strings stay where they are in the text.
//
// An object is followed by its members, each a string (the key) and a value; an array by its
// elements. Life cycle: made from a text that must outlive it. Thread rule: immutable.
class JsonTape {
 public:
  using Index = std::uint32_t;
  static constexpr Index kRoot = 0;

  // MALFORMED_MESSAGE, JSON_TOO_DEEP, JSON_OUT_OF_RANGE (a number no double can hold).
  static Result<JsonTape> Parse(std::string_view text, std::size_t max_depth);

  JsonKind kind(Index i) const { return nodes_[i].kind; }
  bool is_string(Index i) const {
    return kind(i) == JsonKind::kString || kind(i) == JsonKind::kEscapedString;
  }
  // The characters of a string, or a number as it is spelled (RFC 8259 section 6).
  std::string_view Text(Index i) const;
  // Byte offset of the value in the text.
  std::size_t position(Index i) const { return nodes_[i].position; }
  // Members of an object, elements of an array.
  std::size_t size(Index i) const { return nodes_[i].size; }
  // The first key or element of what is not empty.
  static Index First(Index i) { return i + 1; }
  // What follows the value and all that is inside it.
  Index After(Index i) const {
    const JsonKind k = kind(i);
    return k == JsonKind::kObject || k == JsonKind::kArray ? nodes_[i].extra : i + 1;
  }

  // The value of a key of an object.
  std::optional<Index> Find(Index object, std::string_view key) const;
  // A key of this object (those inside it apart) that it has twice: the second one.
  std::optional<Index> FindDuplicate(Index object) const;

 private:
  class Builder;

  struct Node {
    std::uint32_t position = 0;
    std::uint32_t size = 0;   // strings and numbers: bytes of text
    std::uint32_t extra = 0;  // objects and arrays: After(); escaped strings: offset in unescaped_
    JsonKind kind = JsonKind::kNull;
  };

  explicit JsonTape(std::string_view text) : text_(text) {}

  std::string_view text_;
  std::string unescaped_;
  std::vector<Node> nodes_;
};

// INVALID_ARGUMENT at a byte of the text; `path` may be empty when no field is known.
Error JsonRefused(std::string_view reason, std::string path, std::size_t position,
                  std::string_view description);

}  // namespace prism::rpc
