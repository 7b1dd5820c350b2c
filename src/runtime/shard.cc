#include "runtime/shard.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace prism::runtime {
namespace {

constexpr int kMaxEvents = 128;

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

Error SystemError(std::string_view what) {
  return {Code::kInternal, "EVENT_LOOP", fmt::format("{} failed: {}", what, std::strerror(errno))};
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
  if (linked_) Shard::Current()->ForgetTurnEnd(*this);
}

Shard::Shard(int id)
    : id_(id), timers_(MonotonicNow() / kNanosPerMilli), epoll_(std::make_unique<Epoll>()) {}

Shard::~Shard() {
  Stop();
  Join();
}

Shard* Shard::Current() { return current_shard; }

Status Shard::Start() {
  epoll_->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_->wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_->epoll < 0 || epoll_->wake < 0)
    return std::unexpected(SystemError("creating the event loop"));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_ADD, epoll_->wake, &event) != 0) {
    return std::unexpected(SystemError("watching the wake event"));
  }
  thread_ = std::thread([this] { Loop(); });
  const std::string name = fmt::format("shard-{}", id_);
  ::pthread_setname_np(thread_.native_handle(), name.c_str());
  return {};
}

void Shard::Stop() {
  if (!thread_.joinable()) return;
  Post([this] { stopping_ = true; });
}

void Shard::Join() {
  if (thread_.joinable()) thread_.join();
}

void Shard::Post(MailboxItem& item) {
  if (!mailbox_.Push(item)) return;
  if (current_shard == this) return;  // the loop looks at its mailbox before it sleeps
  const std::uint64_t one = 1;
  // Can only fail when the counter is at its maximum, and then the loop is awake anyway.
  [[maybe_unused]] const auto written = ::write(epoll_->wake, &one, sizeof one);
}

void Shard::Post(std::move_only_function<void()> work) { Post(*new PostedWork(std::move(work))); }

Status Shard::Watch(int fd, std::uint32_t epoll_events, FdHandler& handler) {
  epoll_event event{.events = epoll_events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    return std::unexpected(SystemError("epoll_ctl(ADD)"));
  return {};
}

Status Shard::Rewatch(int fd, std::uint32_t epoll_events, FdHandler& handler) {
  epoll_event event{.events = epoll_events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_->epoll, EPOLL_CTL_MOD, fd, &event) != 0)
    return std::unexpected(SystemError("epoll_ctl(MOD)"));
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
  if (work.linked_) return;
  work.linked_ = true;
  work.next_ = nullptr;
  work.prev_ = turn_tail_;
  (turn_tail_ != nullptr ? turn_tail_->next_ : turn_head_) = &work;
  turn_tail_ = &work;
}

void Shard::ForgetTurnEnd(TurnEnd& work) {
  (work.prev_ != nullptr ? work.prev_->next_ : turn_head_) = work.next_;
  (work.next_ != nullptr ? work.next_->prev_ : turn_tail_) = work.prev_;
  work.linked_ = false;
}

void Shard::RunTurnEnds() {
  while (turn_head_ != nullptr) {
    TurnEnd& work = *turn_head_;
    ForgetTurnEnd(work);
    work.OnTurnEnd();
  }
}

int Shard::WaitTimeoutMs() {
  if (!mailbox_.empty()) return 0;
  const std::int64_t delay = timers_.NextDelay(MonotonicNow() / kNanosPerMilli);
  constexpr std::int64_t kLongest = 60'000;
  return static_cast<int>(delay < 0 ? -1 : std::min(delay, kLongest));
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
  while (!stopping_ || !mailbox_.empty()) {
    const int ready =
        ::epoll_wait(epoll_->epoll, epoll_->batch.data(), kMaxEvents, WaitTimeoutMs());
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
  for (int i = 0; i < count_; ++i) at(i).Join();
}

int ShardPool::size() const { return count_; }
Shard& ShardPool::at(int index) { return *shards_[static_cast<std::size_t>(index)]; }

}  // namespace prism::runtime
