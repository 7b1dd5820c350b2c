// The decisions between a complete request and its execution, in their order.
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "gateway/method_table.h"
#include "gateway/shard_state.h"
#include "rpc/server.h"

namespace prism::gateway {

// A call that may be executed.
struct Admitted {
  BoundNamespace* ns;
  void* service;  // the provider's pointer to the interface
};

// Whether the call of `route` on the namespace may be executed now. In order: identity, permission
// (before existence), existence, interface, rate, calls in flight, deadline, durability, session;
// fills principal, ns, min_durability and the deadline of the context. Takes a token of the
// namespace, but does not enter it. Overload is not asked here: ShardState::ShouldShed comes before
// the namespace is known.
Result<Admitted> Admit(ShardState& shard, const Route& route, std::string_view ns,
                       rpc::ServerCall& call);

// What an overloaded shard answers.
Error Overloaded();
// The error for a call whose method ended because its context was cancelled.
Error WhyCancelled(runtime::CancelReason reason, Error otherwise);

}  // namespace prism::gateway
