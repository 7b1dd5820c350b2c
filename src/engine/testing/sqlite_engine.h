// For tests: a LocalEngine over files in a temporary directory, on a shard of its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "engine/local_engine.h"
#include "engine/models.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/testing/harness.h"
#include "runtime/sync_wait.h"

namespace prism::engine::testing {

// Everything but the files goes with the object: making another one on the same directory is a
// restart. Not for use on a shard.
class SqliteEngine {
 public:
  explicit SqliteEngine(const std::string& data_dir,
                        const contract::NamespaceSettings& settings = {.name = "test"})
      : SqliteEngine({.data_dir = data_dir}, settings) {}
  explicit SqliteEngine(SqliteBackendOptions options,
                        const contract::NamespaceSettings& settings = {.name = "test"},
                        WallMillis now = 1'700'000'000'000)
      : clock_(now) {
    started_ = shard_.Start();
    if (!started_) return;
    auto backend = SqliteBackend::Make(engine_, std::move(options));
    if (backend) {
      backend_ = *std::move(backend);
      auto opened = backend_->Open(settings);
      if (opened) {
        ns_ = *std::move(opened);
      } else {
        started_ = std::unexpected(std::move(opened).error());
      }
    } else {
      started_ = std::unexpected(std::move(backend).error());
    }
  }

  // Why it does not work, if it does not.
  const Status& started() const { return started_; }
  ManualClock& clock() { return clock_; }
  SqliteBackend& backend() { return *backend_; }
  runtime::Shard& shard() { return shard_; }
  sqlite::Database& database() {
    return static_cast<SqliteStore&>(static_cast<LocalNamespace&>(*ns_).store()).database();
  }

  template <class Interface>
  Interface& service() {
    return *static_cast<Interface*>(ns_->Find(Interface::kInterface));
  }

  // One unary call, such as Call(&KeyValueBasic::Set, request, response).
  template <class Interface, class Request, class Response>
  Status Call(runtime::Task<Status> (Interface::*method)(contract::CallContext&, const Request&,
                                                         Response&),
              const Request& request, Response& response, MonoNanos deadline = 0) {
    TestCall call(clock_.Now());
    call->deadline = deadline;
    Status status = runtime::RunOn(
        shard_, [&] { return (service<Interface>().*method)(*call, request, response); });
    durability_ = call->durability;
    return status;
  }
  // That of the last call.
  std::optional<contract::Durability> durability() const { return durability_; }

 private:
  ManualClock clock_;
  runtime::Shard shard_{0};
  models::MemoryBudget budget_{1u << 30};
  LocalEngine engine_{{}, clock_, budget_, BuiltinModels()};
  std::unique_ptr<SqliteBackend> backend_;
  std::shared_ptr<contract::NamespaceBackend> ns_;
  Status started_;
  std::optional<contract::Durability> durability_;
};

}  // namespace prism::engine::testing
