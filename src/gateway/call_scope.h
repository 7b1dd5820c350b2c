// One call on its way through the gateway: opens and closes its accounts whatever happens.
#pragma once

#include <google/protobuf/message.h>

#include "gateway/admission.h"
#include "gateway/shard_state.h"
#include "rpc/server.h"

namespace prism::gateway {

// Life cycle: in the frame of the coroutine that serves the call; exactly one of Respond, Finish
// and Fail. Shard thread only.
class CallScope {
 public:
  CallScope(ShardState& shard, const Route& route, rpc::ServerCall& call, WallMillis now);
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  ~CallScope();

  const contract::MethodInfo& method() const { return *route_.method; }
  contract::CallContext& context() { return call_.context(); }

  // Admission has let the call through to the namespace.
  void Enter(const Admitted& admitted);
  // The call is one of the admin port and may what these say: those of a stream or a read follow
  // the guard, and it ends when they are gone. They live as long as the call.
  void Follow(security::CallerRights& rights);
  // Says what a write gets: its durability, and the session that it belongs to. Before the first
  // message of a stream.
  void AnnounceWrite();

  void Respond(const google::protobuf::Message& response);
  void Finish();
  void Fail(Error error);

 private:
  // nullptr: it went well.
  void End(const Error* error);
  void NoteSlow(const Error* error, MonoNanos now);

  ShardState& shard_;
  const Route& route_;
  rpc::ServerCall& call_;
  BoundNamespace* ns_ = nullptr;  // entered
  bool visits_ = false;           // is about a namespace that it has not entered
  LiveStream stream_;
};

}  // namespace prism::gateway
