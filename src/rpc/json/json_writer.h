#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/json/json_codec.h"
#include "rpc/json/json_path.h"

namespace prism::rpc {

// Appends one message as JSON, descending at most options.max_depth objects and arrays.
// Life cycle: made for one Write; the text and the options outlive it. Thread rule: one thread.
class JsonWriter {
 public:
  JsonWriter(std::string& out, const JsonOptions& options) : out_(out), options_(options) {}

  // A failure leaves part of the message behind.
  Status Write(const google::protobuf::Message& message) { return WriteMessage(message); }

 private:
  using Message = google::protobuf::Message;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  Status WriteMessage(const Message& message);

  // `first`: nothing stands in the object yet.
  Status WriteFields(const Message& message, bool first);
  Status WriteField(const Message& message, const FieldDescriptor& field);
  Status WriteRepeated(const Message& message, const FieldDescriptor& field);
  Status WriteMap(const Message& message, const FieldDescriptor& field);
  Status WriteMapKey(const Message& entry, const FieldDescriptor& key);
  // Element `index` of a repeated field, or the value of a singular one (kSingular).
  Status WriteSingle(const Message& message, const FieldDescriptor& field, int index);
  Status WriteText(const Message& message, const FieldDescriptor& field, int index);
  void WriteEnum(const FieldDescriptor& field, int number);
  Status WriteString(std::string_view text);
  template <class T>
  void WriteReal(T value);

  // Well-known types with a form of their own.
  Status WriteValue(const Message& value);
  Status WriteAny(const Message& any);
  Status WriteAnyContent(const Message& content);
  Status WriteTimestamp(const Message& timestamp);
  Status WriteDuration(const Message& duration);
  Status WriteFieldMask(const Message& mask);

  // Begin and end an object or array.
  Status Open(char bracket);
  void Close(char bracket);
  Error Refused(std::string_view reason, std::string_view description) const;

  static constexpr int kSingular = -1;

  std::string& out_;
  const JsonOptions& options_;
  std::size_t depth_ = 0;
  JsonPath path_;
};

// Appends the text in quotes; it must be UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace prism::rpc
