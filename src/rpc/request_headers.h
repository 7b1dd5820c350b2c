// The headers of one request, kept flat so that a pooled call allocates nothing for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prism::rpc {

// Filled while the headers arrive, read-only afterwards: only then are the views stable.
class RequestHeaders {
 public:
  // False, and nothing is kept, when the list would exceed the limit as RFC 9113 section 10.5.1
  // counts it (32 bytes a field on top of its name and value).
  bool Add(std::string_view name, std::string_view value, std::size_t max_list_bytes);
  // The first value with this lower-case name; empty when absent.
  std::string_view Find(std::string_view name) const;
  // All values with this name, in order: of headers that may stand on several lines.
  template <class Visit>
  void ForEach(std::string_view name, const Visit& visit) const {
    const std::string_view text(text_);
    for (const Field& field : fields_) {
      if (text.substr(field.offset, field.name_size) != name) continue;
      visit(text.substr(field.offset + field.name_size, field.value_size));
    }
  }
  // All values with this name, separated by commas (RFC 9110 section 5.3). `joined` is where they
  // are put when there are several, and outlives the result.
  std::string_view FindList(std::string_view name, std::string& joined) const;
  void Clear();

  std::size_t size() const { return fields_.size(); }

 private:
  struct Field {
    std::uint32_t offset;  // of the name in text_; the value follows
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Field> fields_;
  std::size_t list_bytes_ = 0;
};

}  // namespace prism::rpc
