// What the gRPC calls of one shard share: where they come from, and when they run.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "rpc/call/cors.h"
#include "rpc/call/memory_turns.h"
#include "rpc/http/nghttp2_codec.h"
#include "rpc/server.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "telemetry/id_source.h"

namespace prism::rpc {

class Call;

// Pools calls and starts their tasks. Codec events only queue calls here: what they cause in the
// application runs in RunReady, so that no coroutine ever runs inside the codec.
// Life cycle: outlives the connections of its shard; join tasks() before it is destroyed.
// Thread rule: its shard.
class CallShard {
 public:
  CallShard(runtime::Shard& shard, Dispatcher& dispatcher, const ServerLimits& limits,
            Cors cors = {});
  CallShard(const CallShard&) = delete;
  CallShard& operator=(const CallShard&) = delete;
  ~CallShard();

  runtime::Shard& shard() { return shard_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  const ServerLimits& limits() const { return limits_; }
  // Asked when an answer begins: a call that was allowed before may be told otherwise.
  const Cors& cors() const { return cors_; }
  void UseCors(Cors cors) { cors_ = std::move(cors); }
  runtime::TaskGroup& tasks() { return tasks_; }
  // Names requests, and spans of traces.
  telemetry::IdSource& ids() { return ids_; }
  FrameBuffer& frame_buffer() { return frame_buffer_; }

  // Bytes that the connections hold; see ServerLimits::max_buffered_bytes.
  MemoryTurns& memory() { return memory_; }

  Call& Acquire();
  void Release(Call& call);
  // The call has something to do; it asks once until RunReady has run it.
  void Queue(Call& call);
  // Runs what is queued, and what that queues. After each batch of codec events.
  void RunReady();

 private:
  // Calls beyond this number go back to the allocator, so that a burst is not paid for ever.
  static constexpr std::size_t kMaxPooled = 1024;
  // And so are those whose buffers have grown, but for so much in all.
  static constexpr std::size_t kMaxPooledBytes = 4u << 20;

  runtime::Shard& shard_;
  Dispatcher& dispatcher_;
  const ServerLimits& limits_;
  Cors cors_;
  runtime::TaskGroup tasks_;
  telemetry::IdSource ids_;
  FrameBuffer frame_buffer_;
  MemoryTurns memory_;
  std::vector<std::unique_ptr<Call>> pool_;
  std::size_t pooled_bytes_ = 0;
  std::vector<Call*> ready_;
  bool running_ready_ = false;
};

}  // namespace prism::rpc
