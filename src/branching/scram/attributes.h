// The syntax of SCRAM's messages: attributes in a fixed order (RFC 5802 sections 5.1 and 7). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "branching/scram/keys.h"

namespace prism::branching {

// Of a whole message from a client; PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH.
inline constexpr std::size_t kMaxClientMessage = 1024;
// Of one from a server: what libpq reads of an authentication request.
inline constexpr std::size_t kMaxServerMessage = 2000;

struct Attribute {
  char name = 0;
  std::string_view value;
  std::size_t offset = 0;  // of its name in the message
};

// Takes a message apart. Views of the message, which must live longer.
class AttributeReader {
 public:
  explicit AttributeReader(std::string_view message) : message_(message) {}

  // Nothing at the end, and when what comes is no attribute: a letter, `=` and a value without
  // commas and NULs. A comma must be followed by one more attribute.
  std::optional<Attribute> Next();
  // The value of the next attribute, which must have this name.
  std::optional<std::string_view> Next(char name);
  // Whether all that is left may be skipped: optional extensions, which `m` is not.
  bool SkipRest();
  bool at_end() const { return next_ == message_.npos; }

 private:
  std::string_view message_;
  std::size_t next_ = 0;  // npos behind the last attribute
};

// A part of a nonce: %x21-2B / %x2D-7E, at least one.
bool IsNonce(std::string_view text);
// A positive decimal number without sign or leading zero, up to kMaxIterations.
std::optional<std::uint32_t> ParseIterations(std::string_view text);
// Base64 with its padding: 1 to kMaxSaltLength bytes.
std::optional<std::string> ParseSalt(std::string_view text);
// Base64 with its padding.
std::optional<ScramKey> ParseKey(std::string_view text);

}  // namespace prism::branching
