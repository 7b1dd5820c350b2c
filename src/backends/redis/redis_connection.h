// The connection of one shard to a Redis server: always there or on its way back.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "backends/driver/backend_health.h"
#include "backends/driver/backoff.h"
#include "backends/driver/driver_counters.h"
#include "backends/driver/socket_channel.h"
#include "backends/redis/pipeline.h"
#include "backends/redis/redis_call.h"
#include "backends/redis/redis_options.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"
#include "runtime/wait.h"

namespace prism::backends {

// Life cycle: construct on its shard, which begins to connect; Call; co_await Stop(), after which
// calls are refused; destroy when no call waits. A lost connection is made again, with a Backoff.
// Calls that come meanwhile wait for the attempt under way, or the next, and fail with what it
// finds. Thread rule: its shard. Options, pool and counters outlive it.
class RedisConnection final : private ChannelListener,
                              private runtime::TurnEnd,
                              private runtime::Timer {
 public:
  RedisConnection(runtime::Shard& shard, runtime::BlockingPool& pool, const RedisOptions& options,
                  RedisCredentialSource credentials, DriverCounters& counters);
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;
  ~RedisConnection() override;

  // co_await connection.Call(command, sink, deadline, cancel): a Status; the sink has the reply
  // when it is good, and anything otherwise. Command, arguments and sink stay until then. Errors:
  // those of RedisError; DEADLINE_EXCEEDED, CANCELLED; UNAVAILABLE/BACKEND_UNAVAILABLE;
  // RESOURCE_EXHAUSTED/ BACKEND_OVERLOADED; UNAVAILABLE/SHUTTING_DOWN. Where nothing came back,
  // metadata "executed" says "no" or "maybe".
  RedisCall Call(RespCommand command, ReplySink& sink, MonoNanos deadline,
                 runtime::CancelSource* cancel) {
    return {*this, command, sink, deadline, cancel};
  }

  // Ends the connection and all calls.
  runtime::Task<void> Stop();

  const BackendHealth& health() const { return health_; }
  // Logged in.
  bool open() const { return logged_in_; }

 private:
  friend class RedisCall;

  // --- for RedisCall ---
  Status Add(PipelinedRequest& request, bool login);
  Executed Forget(PipelinedRequest& request, RequestEnd how);
  runtime::Shard& shard() { return shard_; }
  // Why there is no connection, when there is none; nullptr otherwise.
  const Error* trouble() const;

  // --- the loop: connect, serve, lose, wait ---
  runtime::Task<void> Run();
  runtime::Task<Status> Open();
  runtime::Task<Status> Connect();
  runtime::Task<Status> LogIn(MonoNanos deadline);
  // True when they are others than before.
  runtime::Task<Result<bool>> ReadCredentials();
  runtime::Task<Result<std::unique_ptr<rpc::TlsClient>>> MakeTls();
  void Serve();
  // The channel is of no use any more; whoever runs the loop is told.
  void Fail(Error why);
  void Close(const Error& cause);

  void OnBytes(std::string_view bytes) override;
  void OnRoom() override { shard_.AtTurnEnd(*this); }
  void OnLost(Error why) override { Fail(std::move(why)); }
  void OnTurnEnd() override { Flush(); }
  void OnTimer() override;
  void Flush();

  runtime::Shard& shard_;
  runtime::BlockingPool& pool_;
  const RedisOptions& options_;
  RedisCredentialSource credential_source_;
  std::optional<RedisCredentials> credentials_;  // those that were read last
  DriverCounters& counters_;
  BackendHealth health_;
  Pipeline pipeline_;
  std::unique_ptr<SocketChannel> channel_;
  Backoff backoff_;
  runtime::Event lost_;
  std::optional<Error> loss_;  // why the channel is of no use any more
  MonoNanos last_progress_ = 0;
  std::uint64_t answered_before_ = 0;  // by earlier connections
  bool logged_in_ = false;
  runtime::CancelSource stop_;
  runtime::TaskGroup group_;
};

}  // namespace prism::backends
