// The shapes of the generated tables: which interfaces and methods exist, and how to call them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "runtime/task.h"

namespace google::protobuf {
class Arena;
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace prism::contract {

class CallContext;
class Intercepted;
class Interceptor;
class MessageSink;
class MessageSource;
struct InterfaceInfo;

using google::protobuf::Message;

enum class StreamKind : std::uint8_t { kUnary, kServer, kClient, kBidi };
enum class Access : std::uint8_t { kRead, kWrite };
enum class Retry : std::uint8_t { kAlways, kWithRequestId, kNever };

// One rpc. All objects of this type are constexpr and generated.
struct MethodInfo {
  std::string_view path;   // "/prism.keyvalue.v1.KeyValueBasic/Get"
  std::string_view name;   // "Get"
  std::string_view label;  // bounded metric label, unique: "keyvalue_basic.get"
  const InterfaceInfo* interface;
  std::uint16_t index;  // position in its interface
  StreamKind kind;
  Access access;
  Retry retry;
  std::string_view rest;  // "GET /v1/{namespace}/keyvalue/{key}", empty when there is none
  // The field of the request that the body of the route is; empty: a body is the whole request.
  std::string_view body_field;

  // Messages on the arena.
  Message* (*new_request)(google::protobuf::Arena*);
  Message* (*new_response)(google::protobuf::Arena*);

  // Exactly the one of `kind` is set. `service` is the object's pointer to the interface class, as
  // Implements<...>::Find returns it.
  runtime::Task<Status> (*unary)(void* service, CallContext&, const Message&, Message&);
  runtime::Task<Status> (*server)(void* service, CallContext&, const Message&, MessageSink&);
  runtime::Task<Status> (*client)(void* service, CallContext&, MessageSource&, Message&);
  runtime::Task<Status> (*bidi)(void* service, CallContext&, MessageSource&, MessageSink&);
};

// One gRPC service. Identity is the address: there is one object per interface.
struct InterfaceInfo {
  std::string_view id;  // "keyvalue_basic"; empty for services that are no data interface (health)
  std::string_view model;    // "keyvalue"
  std::string_view service;  // "prism.keyvalue.v1.KeyValueBasic"
  std::span<const MethodInfo> methods;

  // An object of the same interface that leads every call through the interceptor. `inner` is the
  // object's pointer to the interface class, as Implements<...>::Find returns it.
  std::unique_ptr<Intercepted> (*intercept)(void* inner, Interceptor& interceptor);
};

}  // namespace prism::contract
