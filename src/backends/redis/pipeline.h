// The requests of one connection and the bytes that go both ways, without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/driver/driver_counters.h"
#include "backends/redis/redis_errors.h"
#include "backends/redis/reply.h"
#include "backends/redis/reply_reader.h"
#include "backends/redis/resp_command.h"
#include "base/status.h"

namespace prism::backends {

class Pipeline;

// A command that waits for its reply. Lives in the frame of the coroutine that asks, with the
// command, what its arguments point to and the sink; all of it stays until OnEnd or Forget.
class PipelinedRequest {
 public:
  PipelinedRequest(RespCommand command, ReplySink& sink) : command_(command), sink_(sink) {}
  PipelinedRequest(const PipelinedRequest&) = delete;
  PipelinedRequest& operator=(const PipelinedRequest&) = delete;

  // Once; the pipeline has forgotten it. Must not call the pipeline.
  virtual void OnEnd(Status status) = 0;

 protected:
  ~PipelinedRequest() = default;

 private:
  friend class Pipeline;
  enum class Place : std::uint8_t { kNone, kWaiting, kSent };

  RespCommand command_;
  ReplySink& sink_;
  PipelinedRequest* next_ = nullptr;  // while it waits
  PipelinedRequest* prev_ = nullptr;
  std::uint64_t number_ = 0;  // of its place once it is sent
  Place place_ = Place::kNone;
};

struct PipelineLimits {
  std::size_t in_flight = 1024;                       // sent and not answered; a power of two
  std::size_t waiting = 65'536;                       // not sent yet, ...
  std::size_t waiting_bytes = std::size_t{64} << 20;  // ... and the bytes of their arguments
  // Written ahead of the socket; one command may pass it.
  std::size_t output_bytes = std::size_t{256} << 10;
  ReplyLimits reply = {};
};

// Requests wait in order; Fill turns as many into bytes as may be in flight; replies end them in
// the order in which they were sent. A place in that order stays when its request is forgotten, and
// the reply that comes for it is dropped: no reply ever goes to another request. Requests outlive
// connections: what has not left for one is sent on the next. Thread rule: one shard.
class Pipeline {
 public:
  Pipeline(PipelineLimits limits, DriverCounters& counters);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // --- for who asks ---
  // Waits behind all others. RESOURCE_EXHAUSTED/BACKEND_OVERLOADED, and then OnEnd is not called.
  Status Add(PipelinedRequest& request);
  // Part of the login: sent at once and never on another connection.
  void AddLogin(PipelinedRequest& request);
  // Nobody waits for it any more. Says whether it may be executed.
  Executed Forget(PipelinedRequest& request);

  // --- for the connection ---
  // A new connection: what is sent first is its login.
  void Begin();
  // The login is done: what waits may go.
  void Open() { open_ = true; }
  // Turns waiting requests into bytes as far as limits let it.
  void Fill();
  // What is to be sent; bytes that have left are taken off by Sent.
  std::string_view output() const { return std::string_view(output_).substr(taken_); }
  void Sent(std::size_t bytes);
  // What the server sent. An error ends the connection: UNAVAILABLE/BACKEND_PROTOCOL,
  // INTERNAL/BACKEND_REPLY_UNEXPECTED, or what the server said without being asked.
  Status Receive(std::string_view bytes);
  // The connection has gone. What had left ends with BackendUnavailable, the rest waits again.
  void Lose(const Error& cause);
  // Ends what waits.
  void FailWaiting(const Error& cause, RequestEnd how);

  std::size_t in_flight() const { return static_cast<std::size_t>(last_ - first_); }
  std::size_t waiting() const { return waiting_; }
  // Since the beginning: tells whether the server has answered anything.
  std::uint64_t answered() const { return answered_; }

 private:
  struct Slot {
    PipelinedRequest* request;  // nullptr: forgotten
    std::uint64_t end;          // of its command in the stream of this connection
    bool login;
  };

  Slot& At(std::uint64_t number) { return slots_[number & (slots_.size() - 1)]; }
  void Append(PipelinedRequest& request);
  void Prepend(PipelinedRequest& request);
  void Unlink(PipelinedRequest& request);
  void Send(PipelinedRequest& request, bool login);
  Status TakeReplies();
  Status TakeReply(const Slot& slot, ReplyReader::Outcome outcome);
  void End(PipelinedRequest& request, Status status, RequestEnd how);

  PipelineLimits limits_;
  DriverCounters& counters_;
  std::optional<ReplyReader> reader_;  // of this connection
  IgnoredReply ignored_;
  bool open_ = false;

  PipelinedRequest* head_ = nullptr;  // of those that wait
  PipelinedRequest* tail_ = nullptr;
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;

  std::vector<Slot> slots_;  // a ring
  std::uint64_t first_ = 0;  // the oldest that is not answered ...
  std::uint64_t last_ = 0;   // ... and the next to be sent
  std::uint64_t answered_ = 0;

  std::string output_;
  std::size_t taken_ = 0;      // of output_
  std::uint64_t written_ = 0;  // bytes of the connection's stream that are in output_ or have left
  std::uint64_t sent_ = 0;     // those that have left
};

}  // namespace prism::backends
