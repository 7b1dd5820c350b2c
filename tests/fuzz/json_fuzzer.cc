// JSON into messages and back. What is read is written, and reads again as the same message; what a
// client sends as bytes is written as JSON that reads, or refused.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/field_comparator.h>
#include <google/protobuf/util/message_differencer.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "rpc/json/json_codec.h"
#include "rpc/json/testing/kinds.pb.h"

namespace {

using google::protobuf::Message;
using prism::rpc::json::testing::Kinds;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireSame(const Message& a, const Message& b) {
  google::protobuf::util::DefaultFieldComparator numbers;
  numbers.set_treat_nan_as_equal(true);
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_field_comparator(&numbers);
  Require(differencer.Compare(a, b));
}

void CheckRead(std::string_view text, Message& message, const prism::rpc::JsonOptions& options) {
  const prism::Status parsed = prism::rpc::ParseJson(text, message, options);
  if (!parsed) {
    Require(parsed.error().code() == prism::Code::kInvalidArgument);
    Require(!parsed.error().message().empty() && !parsed.error().metadata().empty());
    return Require(message.ByteSizeLong() == 0);
  }
  std::string once;
  Require(prism::rpc::WriteJson(message, once).has_value());
  const std::unique_ptr<Message> again(message.New());
  Require(prism::rpc::ParseJson(once, *again).has_value());
  RequireSame(message, *again);
  std::string twice;
  Require(prism::rpc::WriteJson(*again, twice).has_value());
  Require(once == twice);
}

void CheckWrite(std::string_view bytes) {
  const google::protobuf::LogSilencer silence;  // it reports every string that is not UTF-8
  Kinds kinds;
  if (!kinds.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  std::string text = "before";
  const prism::Status written = prism::rpc::WriteJson(kinds, text);
  if (!written) return Require(text == "before" && !written.error().message().empty());
  CheckRead(text.substr(6), kinds, {});
  Require(prism::rpc::ParseJson(text.substr(6), kinds).has_value());
}

}  // namespace

// The first byte chooses the message, and whether it is read or written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'a': {
      google::protobuf::Any any;
      CheckRead(input, any, {});
      break;
    }
    case 'b':
      CheckWrite(input);
      break;
    case 'u': {
      Kinds kinds;
      CheckRead(input, kinds, {.ignore_unknown = true});
      break;
    }
    case 'v': {
      google::protobuf::Value value;
      CheckRead(input, value, {.max_depth = 10});
      break;
    }
    default: {
      Kinds kinds;
      CheckRead(input, kinds, {});
      break;
    }
  }
  return 0;
}
