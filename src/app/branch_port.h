// The port that small tools expect: GET /branches and nothing else.
#pragma once

#include <string>
#include <vector>

#include "app/branching.h"
#include "base/clock.h"
#include "base/status.h"
#include "contract/implements.h"
#include "gateway/admin/admin_dispatcher.h"
#include "gateway/admin/pages.h"
#include "gateway/method_table.h"
#include "prism/admin/v1/pages.prism.h"
#include "rpc/net/call_server.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "telemetry/log.h"

namespace prism::app {

// Whoever connects may ask. Life cycle: construct (the shards are running), Listen, destroy. Thread
// rule: one control thread.
class BranchPort {
 public:
  // All of it outlives the port.
  struct Parts {
    runtime::ShardPool& shards;
    runtime::BlockingPool& pool;
    Clock& clock;
    telemetry::Logger& log;
    Branching& branching;
  };

  explicit BranchPort(const Parts& parts);

  // A port that somebody else has is a warning. The other errors of ListenSocket::Open.
  Status Listen(const std::string& address);
  void Stop() { server_.Stop(); }

 private:
  class Page final : public contract::Implements<admin::v1::Pages> {
   public:
    explicit Page(const Parts& parts) : parts_(parts) {}
    runtime::Task<Status> Get(contract::CallContext& ctx, const admin::v1::GetPageRequest& request,
                              admin::v1::Page& page) override;

   private:
    const Parts& parts_;
  };
  class Routes final : public gateway::AdminDispatcher::Routes {
   public:
    const rpc::ResourceRoute* Find(std::string_view target) const override;

   private:
    gateway::PageRoute page_;
  };
  using Services = std::vector<gateway::MethodTable::SystemService>;
  static Services Offered(Page& page);

  const Parts parts_;
  Page page_;
  gateway::MethodTable methods_;
  Routes routes_;
  gateway::AdminDispatcher dispatcher_;
  rpc::CallServer server_;
};

}  // namespace prism::app
