// For tests: a LocalEngine over memory with a clock by hand, and calls without a server.
#pragma once

#include <google/protobuf/arena.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "contract/call_context.h"
#include "contract/stream.h"
#include "engine/local_engine.h"
#include "engine/memory/memory_backend.h"
#include "engine/models.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::engine::testing {

inline runtime::Task<void> Keep(runtime::Task<Status> task, std::optional<Status>& into) {
  into.emplace(co_await std::move(task));
}

// Runs a task that does not suspend, as everything on memory outside a shard.
inline Status RunNow(runtime::Task<Status> task) {
  runtime::TaskGroup group;
  std::optional<Status> status;
  group.Spawn(Keep(std::move(task), status));
  return *std::move(status);
}

// One call's context, with an arena of its own.
class TestCall {
 public:
  explicit TestCall(WallMillis now, std::string_view principal = "anonymous") : ctx_(arena_) {
    ctx_.now = now;
    ctx_.ns = "test";
    ctx_.principal = principal;
  }
  contract::CallContext& operator*() { return ctx_; }
  contract::CallContext* operator->() { return &ctx_; }

 private:
  google::protobuf::Arena arena_;
  contract::CallContext ctx_;
};

// Keeps what a server stream writes; fails after `capacity` messages when that is set.
template <class T>
class CollectingSink final : public contract::MessageSink {
 public:
  runtime::Task<Status> Write(const google::protobuf::Message& message) override {
    if (messages.size() >= capacity) {
      co_return std::unexpected(Error(Code::kCancelled, "CALL_CANCELLED", "The reader has gone."));
    }
    messages.push_back(static_cast<const T&>(message));
    co_return Status();
  }
  contract::Sink<T> sink() { return contract::Sink<T>(*this); }

  std::vector<T> messages;
  std::size_t capacity = ~std::size_t{0};
};

struct MemoryEngine {
  explicit MemoryEngine(contract::NamespaceSettings settings = {.name = "test"},
                        std::uint64_t max_bytes = 1u << 30, LocalEngineOptions options = {})
      : budget(max_bytes),
        engine(options, clock, budget, BuiltinModels()),
        backend(*MemoryBackend::Make(engine)),
        ns(*backend->Open(settings)) {}

  template <class Interface>
  Interface& service() {
    return *static_cast<Interface*>(ns->Find(Interface::kInterface));
  }

  ManualClock clock{1'000'000'000};
  models::MemoryBudget budget;
  LocalEngine engine;
  std::unique_ptr<MemoryBackend> backend;
  std::shared_ptr<contract::NamespaceBackend> ns;
};

// Seconds and nanoseconds of a protobuf Duration.
template <class Message>
void SetTtl(Message& request, std::int64_t seconds, std::int32_t nanos = 0) {
  request.mutable_ttl()->set_seconds(seconds);
  request.mutable_ttl()->set_nanos(nanos);
}

}  // namespace prism::engine::testing
