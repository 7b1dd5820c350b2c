// A client or bidirectional stream whose first message was read to learn the namespace.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "contract/stream.h"

namespace prism::gateway {

// Gives the first message again, then reads on. Lives as long as the call.
class FirstMessageSource final : public contract::MessageSource {
 public:
  FirstMessageSource(contract::MessageSource& rest, google::protobuf::Message& first)
      : rest_(rest), first_(&first) {}

  runtime::Task<Result<bool>> Read(google::protobuf::Message& into) override;

 private:
  contract::MessageSource& rest_;
  google::protobuf::Message* first_;  // nullptr: given
};

// The text of field 1; empty when the message has no such field.
std::string NamespaceOf(const google::protobuf::Message& message);

}  // namespace prism::gateway
