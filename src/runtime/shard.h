// Shard: a thread with an event loop that owns its connections. Nothing of a shard is touched from
// another thread except Post.
#pragma once

#include <atomic>
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

class Shard;

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
  Shard* shard_ = nullptr;  // set while it is linked
};

// Life cycle: construct, Start (spawns the thread), Post/..., Stop (asks the loop to end when its
// mailbox is empty), Join. Owned by ShardPool. What is still posted after the loop has ended runs
// in Join, which plays the shard's thread then: no message is lost. Whoever posts from outside must
// have ended before the Shard is destroyed, and tasks that still wait then are never continued:
// cancel and join them before Stop.
class Shard {
 public:
  explicit Shard(int id);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  // The shard whose loop runs on this thread, or nullptr.
  static Shard* Current();

  int id() const { return id_; }
  // RESOURCE_EXHAUSTED/EVENT_LOOP and the like when the system has no descriptors or threads left.
  Status Start();
  void Stop();  // any thread
  void Join();  // any thread but the shard's

  // --- any thread ---
  // Runs item.Run() on the shard. The item must stay valid until then. Wakes the loop only when it
  // sleeps: a system call for the first of many messages at most, none from the shard itself.
  void Post(MailboxItem& item);
  // Convenience for control paths (allocates).
  void Post(std::move_only_function<void()> work);

  // --- shard thread only ---
  // One handler for each descriptor; events as of epoll_ctl(2), level-triggered.
  Status Watch(int fd, std::uint32_t epoll_events, FdHandler& handler);
  Status Rewatch(int fd, std::uint32_t epoll_events, FdHandler& handler);
  // After this no OnReady of the handler runs any more, not even one that epoll has reported
  // already.
  void Unwatch(int fd, FdHandler& handler);
  // Runs the work once, after the events, messages and timers of this turn. What is added by turn
  // ends themselves runs in the same turn, so work that adds itself again never ends it. Does
  // nothing while the work is linked already.
  void AtTurnEnd(TurnEnd& work);
  TimerWheel& timers() { return timers_; }
  // Monotonic time, read once per turn: good enough for deadlines (1 ms), not for latencies.
  MonoNanos turn_time() const { return turn_time_; }
  void ArmTimerAt(Timer& timer, MonoNanos when) {
    timers_.Arm(timer, when / kNanosPerMilli + (when % kNanosPerMilli > 0 ? 1 : 0));
  }

 private:
  friend class TurnEnd;
  friend class ShardPool;
  void Loop();
  void ForgetTurnEnd(TurnEnd& work);
  void RunTurnEnds();
  void Dispatch(int ready);
  // Milliseconds that epoll_wait may sleep; announces the sleep to those who post.
  int PrepareSleep();
  void JoinThread();
  bool RunLeftovers();  // false when there were none

  struct Epoll;
  int id_;
  Mailbox mailbox_;
  std::atomic<bool> sleeping_ = false;
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
  // Stops and joins all shards; what they posted to each other meanwhile still runs.
  void Stop();
  int size() const;
  Shard& at(int index);

 private:
  std::unique_ptr<std::unique_ptr<Shard>[]> shards_;
  int count_;
};

}  // namespace prism::runtime
