// The proto3 JSON mapping (protobuf.dev/programming-guides/json), strict: RFC 8259 text only, no
// field twice, no unknown field, depth bounded. Driven by descriptors, so it serves every message.
// Extensions of proto2 are not read or written.
//
// Errors name the field by its path as the text spelled it ("entries[2].ttl"; entries of maps are
// counted, since their keys are data) and never repeat a value, which may be a secret.
// Thread rule: free functions without state; a message belongs to the caller as usual.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace prism::rpc {

struct JsonOptions {
  // Skips fields and names of enum values that the schema does not have; by default they are
  // refused.
  bool ignore_unknown = false;
  // Objects and arrays inside one another, read or written.
  std::size_t max_depth = 100;
};

// Replaces what `into` has; on failure `into` is empty. The size of the text is for the caller to
// bound (below 4 GiB); up to eight times as much is needed while reading.
//
// INVALID_ARGUMENT with the byte offset in the metadata "position" and one of the reasons
//   MALFORMED_MESSAGE      not JSON: syntax, UTF-8, lone surrogates, bytes after the end
//   JSON_TOO_DEEP          more than max_depth objects and arrays inside one another
//   JSON_UNKNOWN_FIELD     no field has this name
//   JSON_UNKNOWN_ENUM      no value of the enum has this name
//   JSON_UNKNOWN_TYPE      an Any without "@type", or of a type that this program does not have
//   JSON_DUPLICATE_FIELD   a key twice in one object, or both names of one field
//   JSON_DUPLICATE_ONEOF   two members of one oneof
//   JSON_WRONG_TYPE        e.g. a string where an object belongs, null in a list
//   JSON_INVALID_VALUE     the right kind of value that does not parse: base64, times, 1.5 as int32
//   JSON_OUT_OF_RANGE      a number or time that the field cannot hold
Status ParseJson(std::string_view text, google::protobuf::Message& into,
                 const JsonOptions& options = {});

// Appends the message on one line without spaces: lowerCamelCase names, fields in the order of
// their declaration, entries of maps by key, fields without presence only when they are not the
// default. On failure `out` is as it was.
//
// INTERNAL with JSON_OUT_OF_RANGE, JSON_INVALID_VALUE (times, field masks, NaN inside a Value,
// strings that are not UTF-8), JSON_UNKNOWN_TYPE (Any) or JSON_TOO_DEEP: the message holds what the
// mapping has no form for.
Status WriteJson(const google::protobuf::Message& message, std::string& out,
                 const JsonOptions& options = {});

}  // namespace prism::rpc
