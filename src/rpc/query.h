// The query of a target, as application/x-www-form-urlencoded (URL Standard section 5.1), read
// strictly: what is no valid escape is refused instead of guessed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

struct QueryParameter {
  std::string name;
  std::string value;
};

// The path of a target, and its query without the question mark.
std::string_view PathOf(std::string_view target);
std::string_view QueryOf(std::string_view target);

// Escapes replaced, '+' is a space. Nothing for a broken escape.
std::optional<std::string> DecodeQueryText(std::string_view text);

// The parameters one after the other. Thread rule: one thread at a time.
class QueryReader {
 public:
  // The query must live as long as the reader.
  explicit QueryReader(std::string_view query) : rest_(query) {}
  // Nothing at the end. INVALID_ARGUMENT/QUERY_MALFORMED.
  Result<std::optional<QueryParameter>> Next();

 private:
  std::string_view rest_;
};

}  // namespace prism::rpc
