// The well-known types whose JSON is not an object of their fields.
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <cmath>
#include <limits>
#include <memory>

#include "base/time_text.h"
#include "rpc/json/any_type.h"
#include "rpc/json/field_text.h"
#include "rpc/json/json_writer.h"

namespace prism::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Both messages have the fields seconds = 1 and nanos = 2.
base::SecondsAndNanos TimeOf(const Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& access = *message.GetReflection();
  return {.seconds = access.GetInt64(message, type.FindFieldByNumber(1)),
          .nanos = access.GetInt32(message, type.FindFieldByNumber(2))};
}

// One level of JSON is up to three messages (Value, Struct, the entry of its map).
bool ParseContent(const std::string& bytes, std::size_t max_depth, Message& into) {
  if (bytes.size() > std::numeric_limits<int>::max()) return false;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetRecursionLimit(static_cast<int>(max_depth * 3 + 1));
  return into.ParsePartialFromCodedStream(&input) && input.ConsumedEntireMessage();
}

}  // namespace

Status JsonWriter::WriteTimestamp(const Message& timestamp) {
  out_ += '"';
  if (!base::AppendTimestamp(TimeOf(timestamp), out_)) {
    return std::unexpected(Refused("JSON_OUT_OF_RANGE",
                                   "a Timestamp lies in the years 0001 to 9999, its nanos in 0 to "
                                   "999,999,999"));
  }
  out_ += '"';
  return {};
}

Status JsonWriter::WriteDuration(const Message& duration) {
  out_ += '"';
  if (!base::AppendSeconds(TimeOf(duration), out_)) {
    return std::unexpected(Refused("JSON_OUT_OF_RANGE",
                                   "a Duration is at most 315,576,000,000 s, its nanos at most "
                                   "999,999,999 and of the same sign"));
  }
  out_ += '"';
  return {};
}

Status JsonWriter::WriteFieldMask(const Message& mask) {
  const FieldDescriptor& paths = *mask.GetDescriptor()->FindFieldByNumber(1);
  const Reflection& access = *mask.GetReflection();
  const int size = access.FieldSize(mask, &paths);
  out_ += '"';
  std::string scratch;
  for (int i = 0; i < size; ++i) {
    if (i > 0) out_ += ',';
    if (!AppendFieldMaskPath(access.GetRepeatedStringReference(mask, &paths, i, &scratch), out_)) {
      path_.EnterElement(static_cast<std::size_t>(i));
      return std::unexpected(
          Refused("JSON_INVALID_VALUE",
                  "a path has lower-case words joined by single underscores and dots"));
    }
  }
  out_ += '"';
  return {};
}

Status JsonWriter::WriteValue(const Message& value) {
  const Descriptor& type = *value.GetDescriptor();
  const FieldDescriptor* const kind =
      value.GetReflection()->GetOneofFieldDescriptor(value, type.oneof_decl(0));
  if (kind == nullptr) {
    return std::unexpected(Refused("JSON_INVALID_VALUE", "a Value must have one of its fields"));
  }
  if (kind->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE &&
      !std::isfinite(value.GetReflection()->GetDouble(value, kind))) {
    return std::unexpected(Refused("JSON_INVALID_VALUE", "a number in a Value must be finite"));
  }
  return WriteSingle(value, *kind, kSingular);
}

Status JsonWriter::WriteAny(const Message& any) {
  const Descriptor& type = *any.GetDescriptor();
  const Reflection& access = *any.GetReflection();
  std::string url_scratch;
  std::string bytes_scratch;
  const std::string& url = access.GetStringReference(any, type.FindFieldByNumber(1), &url_scratch);
  const std::string& bytes =
      access.GetStringReference(any, type.FindFieldByNumber(2), &bytes_scratch);
  TRY(Open('{'));
  if (!url.empty() || !bytes.empty()) {
    const Message* const prototype = FindAnyType(url);
    if (prototype == nullptr) {
      return std::unexpected(
          Refused("JSON_UNKNOWN_TYPE", "an Any has a type that this program does not know"));
    }
    const std::unique_ptr<Message> content(prototype->New());
    if (!ParseContent(bytes, options_.max_depth, *content)) {
      return std::unexpected(
          Refused("JSON_INVALID_VALUE", "the bytes of an Any are no message of its type"));
    }
    out_ += R"("@type":)";
    TRY(WriteString(url));
    TRY(WriteAnyContent(*content));
  }
  Close('}');
  return {};
}

Status JsonWriter::WriteAnyContent(const Message& content) {
  if (!HasOwnForm(*content.GetDescriptor())) return WriteFields(content, /*first=*/false);
  out_ += R"(,"value":)";
  path_.EnterField("value");
  TRY(WriteMessage(content));
  path_.Leave();
  return {};
}

}  // namespace prism::rpc
