#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string_view>

namespace prism::rpc {

// The prototype of the message that a type URL names by what follows its last slash, among those
// compiled into this program; null when there is none.
const google::protobuf::Message* FindAnyType(std::string_view url);

// Whether its JSON is another than the object of its fields; Empty's is not.
inline bool HasOwnForm(const google::protobuf::Descriptor& type) {
  return type.well_known_type() != google::protobuf::Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
}

}  // namespace prism::rpc
