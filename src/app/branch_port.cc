#include "app/branch_port.h"

#include <memory>
#include <utility>

#include "app/branches_page.h"
#include "app/settings.h"
#include "rpc/call/local_hosts.h"
#include "rpc/net/listen_socket.h"
#include "rpc/query.h"
#include "security/guard.h"

namespace prism::app {

namespace {

constexpr std::string_view kPath = "/branches";

rpc::ServerLimits FewClients() {
  rpc::ServerLimits limits;
  limits.max_connections = 64;
  limits.max_concurrent_streams = 100;
  limits.idle_timeout = 300 * kNanosPerSecond;
  return limits;
}

}  // namespace

BranchPort::BranchPort(const Parts& parts)
    : parts_(parts),
      page_(parts_),
      methods_({}, Offered(page_)),
      dispatcher_({.shards = parts.shards,
                   .methods = methods_,
                   .clock = parts.clock,
                   .log = parts.log,
                   .routes = &routes_},
                  security::Guard::Open()),
      server_(parts.shards, dispatcher_, FewClients()) {}

BranchPort::Services BranchPort::Offered(Page& page) {
  Services services;
  gateway::MethodTable::AddTo(services, page, true);
  return services;
}

Status BranchPort::Listen(const std::string& address) {
  auto socket = rpc::ListenSocket::Open(address);
  if (!socket) {
    if (socket.error().reason() != "ADDRESS_IN_USE") {
      return std::unexpected(std::move(socket).error());
    }
    parts_.log.Warn("GET /branches is on the admin port alone: branching.control_listen is taken",
                    {{"control_listen", address}});
    return {};
  }
  // No web page reaches it under a name of its own.
  auto hosts = IsLoopback(address) ? std::make_shared<const rpc::LocalHosts>(address) : nullptr;
  TRY_ASSIGN(const std::string at, server_.Listen(*std::move(socket), std::move(hosts)));
  parts_.log.Info("branches are listed", {{"url", "http://" + at + std::string(kPath)}});
  return {};
}

runtime::Task<Status> BranchPort::Page::Get(contract::CallContext&,
                                            const admin::v1::GetPageRequest& request,
                                            admin::v1::Page& page) {
  if (rpc::PathOf(request.target()) != kPath) co_return std::unexpected(gateway::NoSuchPage());
  co_return co_await BranchesPage(&parts_.branching, &parts_.pool, &page);
}

const rpc::ResourceRoute* BranchPort::Routes::Find(std::string_view target) const {
  return rpc::PathOf(target) == kPath ? &page_ : nullptr;
}

}  // namespace prism::app
