// Names and values of headers or trailers, kept flat so that a pooled call allocates nothing for
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prism::rpc {

// In the order in which they were added; a name may be there several times. Views are stable while
// nothing is added.
class HeaderList {
 public:
  struct Entry {
    std::string_view name;  // lower case
    std::string_view value;
  };

  void Append(std::string_view name, std::string_view value);
  // The first value with this lower-case name; empty when absent.
  std::string_view Find(std::string_view name) const;
  void Clear();

  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  // What its fields need; capacity() may be what earlier ones needed.
  std::size_t bytes() const { return text_.size() + fields_.size() * sizeof(Field); }
  // What it takes in memory.
  std::size_t capacity() const { return text_.capacity() + fields_.capacity() * sizeof(Field); }
  Entry operator[](std::size_t index) const {
    const std::string_view text(text_);
    const Field& field = fields_[index];
    return {.name = text.substr(field.offset, field.name_size),
            .value = text.substr(field.offset + field.name_size, field.value_size)};
  }

 private:
  struct Field {
    std::uint32_t offset;  // of the name in text_; the value follows
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Field> fields_;
};

}  // namespace prism::rpc
