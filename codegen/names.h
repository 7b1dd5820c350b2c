// How names in .proto files become ids, labels and C++ names, and where their comments are.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "prism/contract/v1/method.pb.h"

namespace prism::codegen {

// "GetTTL" -> "get_ttl", "DeadLetter" -> "dead_letter".
std::string ToSnake(std::string_view pascal);

// The second component of a package: "prism.keyvalue.v1" -> "keyvalue".
std::string ModelOf(const google::protobuf::FileDescriptor& file);

// Whether the file belongs to the contract of Prism, not to a standard such as grpc.health.v1.
bool IsPrism(const google::protobuf::FileDescriptor& file);
// Whether the file is of the admin port: its routes carry the messages of their methods as JSON.
bool IsAdmin(const google::protobuf::FileDescriptor& file);

// The id of the interface; empty for a service that is no data interface.
std::string InterfaceId(const google::protobuf::ServiceDescriptor& service);

// The id that the rules give a service of that name: "KeyValueBasic" in prism.keyvalue.v1 is
// "keyvalue_basic". Empty when the name does not begin with the model.
std::string ExpectedInterfaceId(const google::protobuf::ServiceDescriptor& service);

// The traits of a method; those of a method outside of Prism are READ and NEVER.
contract::v1::MethodTraits TraitsOf(const google::protobuf::MethodDescriptor& method);

// Bounded and unique over all services: "keyvalue_basic.get", "grpc.health.v1.health.check".
std::string LabelOf(const google::protobuf::MethodDescriptor& method);

// "::prism::keyvalue::v1" of a file.
std::string CppNamespace(const google::protobuf::FileDescriptor& file);

// The C++ class of a message as code in the namespace of `scope` names it.
std::string CppClass(const google::protobuf::Descriptor& message,
                     const google::protobuf::FileDescriptor& scope);

// "prism/keyvalue/v1/keyvalue.proto" -> "prism/keyvalue/v1/keyvalue".
std::string WithoutSuffix(const google::protobuf::FileDescriptor& file);

// The comment before a declaration or, failing that, behind it on its line; line by line, without
// the comment marks and the one blank after them.
template <class Descriptor>
std::vector<std::string> CommentOf(const Descriptor& descriptor);

// The comment that opens a file.
std::vector<std::string> CommentOfFile(const google::protobuf::FileDescriptor& file);

// "file.proto:12:3", as compilers print it.
template <class Descriptor>
std::string PositionOf(const Descriptor& descriptor);

}  // namespace prism::codegen
