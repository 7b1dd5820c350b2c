// Shard: a thread with an event loop that owns its connections. Nothing of a shard is touched from
// another thread except Post.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "runtime/mailbox.h"
#include "runtime/timer_wheel.h"

namespace prism::runtime {

// Told about readiness of a file descriptor (level-triggered
// EPOLLIN/EPOLLOUT/EPOLLHUP/EPOLLERR/EPOLLRDHUP).
class FdHandler {
 public:
  virtual void OnReady(std::uint32_t epoll_events) = 0;

 protected:
  ~FdHandler() = default;
};

// Work for the end of the current turn of the loop: what many requests of one batch share, such as
// the one write that carries all replies of a connection. Intrusive; unlinks itself when destroyed.
class TurnEnd {
 public:
  TurnEnd() = default;
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;
  virtual ~TurnEnd();
  virtual void OnTurnEnd() = 0;

 private:
  friend class Shard;
  TurnEnd* next_ = nullptr;
  TurnEnd* prev_ = nullptr;
  bool linked_ = false;
};

// Life cycle: construct, Start (spawns the thread), Post/..., Stop (asks the loop to end after the
// queue is empty), Join. Owned by ShardPool.
class Shard {
 public:
  explicit Shard(int id);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  // The shard whose loop runs on this thread, or nullptr.
  static Shard* Current();

  int id() const { return id_; }
  Status Start();
  void Stop();
  void Join();

  // --- any thread ---
  // Runs item.Run() on the shard. The item must stay valid until then.
  void Post(MailboxItem& item);
  // Convenience for control paths (allocates).
  void Post(std::move_only_function<void()> work);

  // --- shard thread only ---
  Status Watch(int fd, std::uint32_t epoll_events, FdHandler& handler);
  Status Rewatch(int fd, std::uint32_t epoll_events, FdHandler& handler);
  // After this no OnReady of the handler runs any more, not even one that epoll has reported
  // already.
  void Unwatch(int fd, FdHandler& handler);
  void AtTurnEnd(TurnEnd& work);  // idempotent while linked
  TimerWheel& timers() { return timers_; }
  // Monotonic time, read once per turn: good enough for deadlines (1 ms), not for latencies.
  MonoNanos turn_time() const { return turn_time_; }
  void ArmTimerAt(Timer& timer, MonoNanos when) {
    timers_.Arm(timer, (when + kNanosPerMilli - 1) / kNanosPerMilli);
  }

 private:
  friend class TurnEnd;
  void Loop();
  void ForgetTurnEnd(TurnEnd& work);
  void RunTurnEnds();
  void Dispatch(int ready);
  int WaitTimeoutMs();

  struct Epoll;
  int id_;
  Mailbox mailbox_;
  TimerWheel timers_;
  MonoNanos turn_time_ = 0;
  std::unique_ptr<Epoll> epoll_;
  TurnEnd* turn_head_ = nullptr;
  TurnEnd* turn_tail_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

// Suspends the caller on its shard and hands `resume` nodes to other threads: the piece that
// awaiters of blocking work are built from. Shard::Current() must be set when it is constructed.
class ShardResume final : public MailboxItem {
 public:
  ShardResume() : shard_(Shard::Current()) {}
  void Suspend(std::coroutine_handle<> handle) { handle_ = handle; }
  // Any thread, once: continues the coroutine on its shard.
  void Resume() { shard_->Post(*this); }
  void Run() override { handle_.resume(); }

 private:
  Shard* shard_;
  std::coroutine_handle<> handle_ = nullptr;
};

// The shards of the process. Owned by app/; the number is fixed at start (default: one per core).
class ShardPool {
 public:
  explicit ShardPool(int count);
  ~ShardPool();
  Status Start();
  // Stops and joins all shards.
  void Stop();
  int size() const;
  Shard& at(int index);

 private:
  std::unique_ptr<std::unique_ptr<Shard>[]> shards_;
  int count_;
};

}  // namespace prism::runtime
