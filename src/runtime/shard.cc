#include "runtime/shard.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/os_error.h"

namespace prism::runtime {
namespace {

constexpr int kMaxEvents = 512;

thread_local Shard* current_shard = nullptr;

class PostedWork final : public MailboxItem {
 public:
  explicit PostedWork(std::move_only_function<void()> work) : work_(std::move(work)) {}
  void Run() override {
    const std::unique_ptr<PostedWork> self(this);
    work_();
  }

 private:
  std::move_only_function<void()> work_;
};

std::unexpected<Error> LoopError(int number, std::string_view what) {
  return std::unexpected(base::OsError(number, "EVENT_LOOP", what));
}

}  // namespace

// The kernel's side of the loop. `batch` is what the last epoll_wait reported: Unwatch clears the
// handler's entries in it, so that no handler is called after it was taken out.
struct Shard::Epoll {
  int epoll = -1;
  int wake = -1;
  std::array<epoll_event, kMaxEvents> batch;
  int ready = 0;

  ~Epoll() {
    if (epoll >= 0) ::close(epoll);
    if (wake >= 0) ::close(wake);
  }
};

TurnEnd::~TurnEnd() {
  if (shard_ != nullptr) shard_->ForgetTurnEnd(*this);
}

Shard::Shard(int id)
    : id_(id), timers_(MonotonicNow() / kNanosPerMilli), epoll_(std::make_unique<Epoll>()) {}

Shard::~Shard() {
  Stop();
  Join();
  RunLeftovers();
}

Shard* Shard::Current() { return current_shard; }

Status Shard::Start() {
  epoll_->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_->wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_->epoll < 0 || epoll_->wake < 0) return LoopError(errno, "creating the event loop");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_ADD, epoll_->wake, &event) != 0) {
    return LoopError(errno, "watching the wake event");
  }
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& e) {
    return LoopError(e.code().value(), "starting the thread of a shard");
  }
  const std::string name = fmt::format("shard-{}", id_);
  ::pthread_setname_np(thread_.native_handle(), name.c_str());
  return {};
}

void Shard::Stop() {
  if (!thread_.joinable()) return;
  Post([this] { stopping_ = true; });
}

void Shard::Join() {
  JoinThread();
  RunLeftovers();
}

void Shard::JoinThread() {
  PRISM_CHECK(current_shard != this, "a shard can't join itself");
  if (thread_.joinable()) thread_.join();
}

bool Shard::RunLeftovers() {
  if (mailbox_.empty()) return false;
  Shard* const before = std::exchange(current_shard, this);
  while (!mailbox_.empty()) {
    turn_time_ = MonotonicNow();
    mailbox_.RunAll();
    RunTurnEnds();
  }
  current_shard = before;
  return true;
}

void Shard::Post(MailboxItem& item) {
  if (!mailbox_.Push(item)) return;
  // Awake, the loop looks at its mailbox before it sleeps: see PrepareSleep.
  if (!sleeping_.load() || current_shard == this) return;
  const std::uint64_t one = 1;
  // Can only fail when the counter is at its maximum, and then the loop is awake anyway.
  [[maybe_unused]] const auto written = ::write(epoll_->wake, &one, sizeof one);
}

void Shard::Post(std::move_only_function<void()> work) { Post(*new PostedWork(std::move(work))); }

Status Shard::Watch(int fd, std::uint32_t epoll_events, FdHandler& handler) {
  epoll_event event{.events = epoll_events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    return LoopError(errno, "watching a descriptor");
  }
  return {};
}

Status Shard::Rewatch(int fd, std::uint32_t epoll_events, FdHandler& handler) {
  epoll_event event{.events = epoll_events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_MOD, fd, &event) != 0) {
    return LoopError(errno, "changing the events of a descriptor");
  }
  return {};
}

void Shard::Unwatch(int fd, FdHandler& handler) {
  ::epoll_ctl(epoll_->epoll, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = 0; i < epoll_->ready; ++i) {
    epoll_event& event = epoll_->batch[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
}

void Shard::AtTurnEnd(TurnEnd& work) {
  if (work.shard_ != nullptr) return;
  work.shard_ = this;
  work.next_ = nullptr;
  work.prev_ = turn_tail_;
  (turn_tail_ != nullptr ? turn_tail_->next_ : turn_head_) = &work;
  turn_tail_ = &work;
}

void Shard::ForgetTurnEnd(TurnEnd& work) {
  (work.prev_ != nullptr ? work.prev_->next_ : turn_head_) = work.next_;
  (work.next_ != nullptr ? work.next_->prev_ : turn_tail_) = work.prev_;
  work.shard_ = nullptr;
}

void Shard::RunTurnEnds() {
  while (turn_head_ != nullptr) {
    TurnEnd& work = *turn_head_;
    ForgetTurnEnd(work);
    work.OnTurnEnd();
  }
}

// First "I sleep", then the look into the mailbox; who posts does it the other way round. Both are
// sequentially consistent, so at least one of the two sees the other.
int Shard::PrepareSleep() {
  constexpr std::int64_t kLongest = 60'000;
  std::int64_t delay = -1;
  if (timers_.armed() > 0) {
    delay = std::min(timers_.NextDelay(MonotonicNow() / kNanosPerMilli), kLongest);
    if (delay == 0) return 0;
  }
  sleeping_.store(true);
  return mailbox_.empty() ? static_cast<int>(delay) : 0;
}

void Shard::Dispatch(int ready) {
  epoll_->ready = ready;
  for (int i = 0; i < ready; ++i) {
    epoll_event& event = epoll_->batch[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) continue;
    static_cast<FdHandler*>(event.data.ptr)->OnReady(event.events);
  }
  epoll_->ready = 0;
}

void Shard::Loop() {
  current_shard = this;
  // Writing to what the other side has closed is EPIPE here, never a signal.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  while (!stopping_ || !mailbox_.empty()) {
    const int ready = ::epoll_wait(epoll_->epoll, epoll_->batch.data(), kMaxEvents, PrepareSleep());
    sleeping_.store(false, std::memory_order_relaxed);
    turn_time_ = MonotonicNow();
    for (int i = 0; i < ready; ++i) {
      if (epoll_->batch[static_cast<std::size_t>(i)].data.ptr != nullptr) continue;
      std::uint64_t count = 0;
      [[maybe_unused]] const auto drained = ::read(epoll_->wake, &count, sizeof count);
    }
    if (ready > 0) Dispatch(ready);
    mailbox_.RunAll();
    timers_.Advance(turn_time_ / kNanosPerMilli);
    RunTurnEnds();
  }
  current_shard = nullptr;
}

ShardPool::ShardPool(int count)
    : shards_(std::make_unique<std::unique_ptr<Shard>[]>(static_cast<std::size_t>(count))),
      count_(count) {
  for (int i = 0; i < count; ++i) shards_[static_cast<std::size_t>(i)] = std::make_unique<Shard>(i);
}

ShardPool::~ShardPool() { Stop(); }

Status ShardPool::Start() {
  for (int i = 0; i < count_; ++i) TRY(at(i).Start());
  return {};
}

void ShardPool::Stop() {
  for (int i = 0; i < count_; ++i) at(i).Stop();
  for (int i = 0; i < count_; ++i) at(i).JoinThread();
  for (bool again = true; again;) {
    again = false;
    for (int i = 0; i < count_; ++i) again = at(i).RunLeftovers() || again;
  }
}

int ShardPool::size() const { return count_; }
Shard& ShardPool::at(int index) { return *shards_[static_cast<std::size_t>(index)]; }

}  // namespace prism::runtime
