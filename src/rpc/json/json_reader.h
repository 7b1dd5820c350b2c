#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/number_text.h"
#include "base/status.h"
#include "rpc/json/json_codec.h"
#include "rpc/json/json_path.h"
#include "rpc/json/json_tape.h"

namespace prism::rpc {

// Fills one message from a tape. It descends as deep as the tape, which is bounded.
// Life cycle: made for one Read; tape and options outlive it. Thread rule: one thread.
class JsonReader {
 public:
  JsonReader(const JsonTape& tape, const JsonOptions& options) : tape_(tape), options_(options) {}

  // What is in `into` after a failure is unspecified.
  Status Read(google::protobuf::Message& into) { return ReadMessage(JsonTape::kRoot, into); }

 private:
  using Index = JsonTape::Index;
  using Message = google::protobuf::Message;
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  // Where a value goes: a field, or a new element at its end.
  struct Slot;
  // Which fields of a message have been read.
  class SeenFields;

  Status ReadMessage(Index i, Message& into);

  // Messages without a form of their own. `in_any`: the member "@type" is none of its fields.
  Status ReadFields(Index object, Message& into, bool in_any);
  // Nothing when the name is unknown and such names are skipped.
  Result<const FieldDescriptor*> FindField(Index key, const Descriptor& type, int expected);
  Status ReadField(Index i, Message& into, const FieldDescriptor& field);
  Status ReadRepeated(Index array, Message& into, const FieldDescriptor& field);
  Status ReadMap(Index object, Message& into, const FieldDescriptor& field);
  Status ReadMapKey(Index key, Message& entry, const FieldDescriptor& field);
  Status ReadSingle(Index i, const Slot& slot);
  Status ReadEnum(Index i, const Slot& slot);
  Status ReadText(Index i, const Slot& slot);
  // Status of a Slot's Put.
  template <class T>
  Status ReadWhole(Index i, const Slot& slot);
  Status ReadBool(Index i, const Slot& slot);
  template <class T>
  Status ReadReal(Index i, const Slot& slot);

  // Well-known types with a form of their own.
  Status ReadValue(Index i, Message& into);
  Status ReadAny(Index object, Message& into);
  Status ReadAnyContent(Index object, Message& content);
  Status ReadTimestamp(Index i, Message& into);
  Status ReadDuration(Index i, Message& into);
  Status ReadFieldMask(Index i, Message& into);

  Result<std::string_view> StringAt(Index i, std::string_view expected);
  Status CheckObject(Index i);
  // Skipped values too have no key twice.
  Status CheckSkipped(Index i);
  // An unknown name of an enum value that is to be skipped.
  bool IsSkippedEnum(Index i, const FieldDescriptor& field) const;

  Error Refused(std::string_view reason, Index i, std::string_view description) const;
  Error WrongType(Index i, std::string_view expected) const;
  Error BadText(base::TextFault fault, Index i, std::string_view expected) const;

  const JsonTape& tape_;
  const JsonOptions& options_;
  JsonPath path_;
};

// One overload for each C++ type of a field.
struct JsonReader::Slot {
  Message& message;
  const FieldDescriptor& field;
  bool append = false;

  void Put(std::int32_t value) const;
  void Put(std::int64_t value) const;
  void Put(std::uint32_t value) const;
  void Put(std::uint64_t value) const;
  void Put(double value) const;
  void Put(float value) const;
  void Put(bool value) const;
  void Put(std::string value) const;
  void PutEnum(int number) const;
  Message& Submessage() const;
};

}  // namespace prism::rpc
