// The headers of one request.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "rpc/header_list.h"

namespace prism::rpc {

// Filled while the headers arrive, read-only afterwards: only then are the views stable.
class RequestHeaders {
 public:
  // False, and nothing is kept, when the list would exceed the limit as RFC 9113 section 10.5.1
  // counts it (32 bytes a field on top of its name and value).
  bool Add(std::string_view name, std::string_view value, std::size_t max_list_bytes);
  // The first value with this lower-case name; empty when absent.
  std::string_view Find(std::string_view name) const { return list_.Find(name); }
  // All values with this name, in order: of headers that may stand on several lines.
  template <class Visit>
  void ForEach(std::string_view name, const Visit& visit) const {
    for (std::size_t i = 0; i < list_.size(); ++i) {
      if (list_[i].name == name) visit(list_[i].value);
    }
  }
  // All values with this name, separated by commas (RFC 9110 section 5.3). `joined` is where they
  // are put when there are several, and outlives the result.
  std::string_view FindList(std::string_view name, std::string& joined) const;
  // All of them, in the order in which they came.
  const HeaderList& list() const { return list_; }
  void Clear();

  std::size_t size() const { return list_.size(); }
  // What they need, and what they take in memory: a pooled list has kept some of it.
  std::size_t bytes() const { return list_.bytes(); }
  std::size_t capacity() const { return list_.capacity(); }

 private:
  HeaderList list_;
  std::size_t list_bytes_ = 0;
};

}  // namespace prism::rpc
