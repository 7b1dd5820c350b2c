#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::base {

// Which origins of web pages are meant, as configuration writes it: "https://app.example.com",
// with a port where it is not the scheme's own; "https://*.example.com" for every host below one;
// "*" for all. Browsers serialize origins in one way only (RFC 6454 section 6.2, the HTML
// standard), so that matching compares bytes.
class WebOriginPattern {
 public:
  // Writes the pattern as browsers write origins: lower case, without the scheme's own port.
  // INVALID_ARGUMENT/BAD_ORIGIN for paths, missing schemes, "null" and all else that no browser
  // sends or nobody should allow.
  static Result<WebOriginPattern> Parse(std::string_view text);

  bool any() const { return text_ == "*"; }
  // `origin` as it stands in the request header.
  bool Matches(std::string_view origin) const;
  const std::string& text() const { return text_; }

  bool operator==(const WebOriginPattern&) const = default;

 private:
  explicit WebOriginPattern(std::string text);

  std::string text_;
  // Where text_ has the star; npos: nowhere.
  std::size_t star_ = std::string::npos;
};

// The patterns of a list like "https://a.example, https://b.example"; the first mistake.
Result<std::vector<WebOriginPattern>> ParseWebOrigins(std::string_view list);

}  // namespace prism::base
