#include "gateway/admin/admin_dispatcher.h"

#include <utility>

#include "gateway/admin/route_request.h"
#include "gateway/call_scope.h"
#include "gateway/identify.h"
#include "gateway/system_call.h"
#include "security/caller_rights.h"

namespace prism::gateway {

namespace {

// Watching is no slow request, and a backup takes as long as it takes.
ShardState::Options Options() {
  ShardState::Options options;
  options.slow_threshold = 0;
  return options;
}

}  // namespace

AdminDispatcher::AdminDispatcher(const Parts& parts,
                                 const std::shared_ptr<const security::Guard>& guard)
    : parts_(parts),
      states_(parts.shards, parts.methods.routes().size(), Options(), parts.log, guard) {}

runtime::Task<void> AdminDispatcher::Serve(rpc::ServerCall& call) {
  ShardState& shard = states_.Here();
  const Route& route = parts_.methods.RouteOf(call.method());
  CallScope scope(shard, route, call, parts_.clock.Now());
  // Routes look themselves: who follows a link to what only reads is no page that calls.
  if (call.protocol() != rpc::Protocol::kHttp) {
    if (Status own = CheckOrigin(call.Header("origin"), call.Header(":authority")); !own) {
      scope.Fail(std::move(own).error());
      co_return;
    }
  }
  auto caller = Identify(shard.guard(), call);
  if (!caller && !route.for_all) {
    scope.Fail(std::move(caller).error());
    co_return;
  }
  security::CallerRights rights(shard.shared_guard(), std::move(caller), call.peer());
  call.context().rights = &rights;
  scope.Follow(rights);
  const Status outcome = co_await RunSystemCall(scope, route, call);
  if (!outcome && parts_.refusals != nullptr) {
    parts_.refusals->Note(call, outcome.error());
  }
  call.context().rights = nullptr;
}

void AdminDispatcher::OnRefused(const contract::MethodInfo* method, rpc::ServerCall& call,
                                const Error& error) {
  states_.Here().NoteRefused(method, call, error);
}

}  // namespace prism::gateway
