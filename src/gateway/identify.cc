#include "gateway/identify.h"

#include <google/protobuf/arena.h>

#include <utility>

namespace prism::gateway {

namespace {

constexpr std::string_view kHeader = "authorization";

// How often the header is there: proxies and clients may disagree on which one counts.
bool IsThereTwice(const rpc::HeaderList& headers, std::string_view name) {
  int times = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) times += headers[i].name == name ? 1 : 0;
  return times > 1;
}

// The principal is copied for those who name it later: what it is read from may go before the call.
void NamePrincipal(const security::Caller& caller, contract::CallContext& ctx) {
  if (caller.proof == security::Proof::kNone) {
    ctx.principal = security::kAnonymous;
    return;
  }
  const std::size_t size = caller.principal.size();
  char* copy = google::protobuf::Arena::CreateArray<char>(&ctx.arena(), size);
  caller.principal.copy(copy, size);
  ctx.principal = {copy, size};
}

}  // namespace

Result<security::Caller> Authenticate(const security::Guard& guard, rpc::ServerCall& call,
                                      WallMillis now) {
  const std::string_view authorization = call.Header(kHeader);
  const security::Credentials shown{
      .authorization = authorization,
      .several = !authorization.empty() && IsThereTwice(call.AllHeaders(), kHeader),
      .peer = call.peer_identity()};
  return guard.authenticator().Authenticate(shown, now);
}

Result<security::Caller> Identify(const security::Guard& guard, rpc::ServerCall& call) {
  auto caller = Authenticate(guard, call, call.context().now);
  if (!caller) {
    // Who has shown nothing is told what to show, and of no mistake.
    call.AddHeader("www-authenticate", call.Header(kHeader).empty()
                                           ? R"(Bearer realm="prism")"
                                           : R"(Bearer realm="prism", error="invalid_token")");
    return caller;
  }
  NamePrincipal(*caller, call.context());
  return caller;
}

}  // namespace prism::gateway
