#include "branching/proxy/proxy_shard.h"

#include <algorithm>
#include <coroutine>
#include <utility>

#include "branching/pgwire/refusal.h"

namespace prism::branching {

using runtime::CancelReason;
using runtime::Task;

namespace {

// Runs a function on another shard and continues on this one.
template <class F>
class AskShard {
 public:
  AskShard(runtime::Shard& shard, F ask) : shard_(shard), ask_(std::move(ask)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    resume_.Suspend(caller);
    shard_.Post([this] {
      answer_.emplace(ask_());
      resume_.Resume();
    });
  }
  auto await_resume() { return *std::move(answer_); }

 private:
  runtime::Shard& shard_;
  F ask_;
  runtime::ShardResume resume_;
  std::optional<std::invoke_result_t<F&>> answer_;
};

// From a drain's beginning until those who have said nothing yet are ended.
constexpr MonoNanos kStrangersTime = kNanosPerSecond;

// Process ids of the shard's keys: a range for each, from 1.
std::size_t SlotsOf(const ProxyContext& context) {
  return static_cast<std::size_t>(context.limits.max_connections);
}

std::uint32_t FirstProcessId(const ProxyContext& context, int index) {
  return 1 + static_cast<std::uint32_t>(static_cast<std::size_t>(index) * SlotsOf(context));
}

}  // namespace

ProxyShard::ProxyShard(runtime::Shard& shard, ProxyContext& context, int index)
    : shard_(shard),
      context_(context),
      keys_(FirstProcessId(context, index), SlotsOf(context)),
      gate_(shard),
      empty_(shard) {}

void ProxyShard::Adopt(base::UniqueFd fd, std::string peer, HelloRules rules) {
  if (stopping_) return LoseOne();
  if (strangers_ >= context_.limits.max_strangers) GiveUpOldestStranger();
  sessions_.Spawn(
      Serve(std::make_unique<Session>(*this, std::move(fd), std::move(peer), std::move(rules))));
}

Task<void> ProxyShard::Serve(std::unique_ptr<Session> session) { co_await session->Run(); }

void ProxyShard::BeginDrain() {
  draining_ = true;
  gate_.TurnAway(Refuse(Refusal::kShuttingDown));
  strangers_until_ = shard_.turn_time() + kStrangersTime;
  for (Session* session = oldest_; session != nullptr;) {
    Session* next = session->next_;
    session->Leave();
    session = next;
  }
  if (load() == 0) empty_.Set();
}

Task<void> ProxyShard::WaitUntilEmpty(MonoNanos deadline) {
  co_await empty_.For(std::min(deadline, strangers_until_));
  if (shard_.turn_time() >= strangers_until_) EndStrangers();
  co_await empty_.For(deadline);
}

void ProxyShard::EndStrangers() {
  for (Session* session = oldest_; session != nullptr;) {
    Session* next = session->next_;
    if (session->stranger()) session->End(CancelReason::kShutdown);
    session = next;
  }
}

Task<void> ProxyShard::Stop() {
  stopping_ = true;
  for (Session* session = oldest_; session != nullptr;) {
    Session* next = session->next_;
    session->End(CancelReason::kShutdown);
    session = next;
  }
  co_await sessions_.Join();
}

void ProxyShard::Link(Session& session) {
  session.prev_ = newest_;
  (newest_ != nullptr ? newest_->next_ : oldest_) = &session;
  newest_ = &session;
  ++strangers_;
}

void ProxyShard::Unlink(Session& session) {
  (session.prev_ != nullptr ? session.prev_->next_ : oldest_) = session.next_;
  (session.next_ != nullptr ? session.next_->prev_ : newest_) = session.prev_;
  if (session.stranger()) {
    --strangers_;
  } else {
    context_.counters.clients.fetch_sub(1, std::memory_order_relaxed);
  }
  LoseOne();
}

void ProxyShard::ExpectOne() {
  load_.fetch_add(1, std::memory_order_relaxed);
  context_.counters.connections.fetch_add(1, std::memory_order_relaxed);
}

void ProxyShard::LoseOne() {
  const int left = load_.fetch_sub(1, std::memory_order_relaxed) - 1;
  if (draining_ && left == 0) empty_.Set();
  context_.counters.connections.fetch_sub(1, std::memory_order_relaxed);
}

bool ProxyShard::AdmitClient() {
  std::atomic<int>& clients = context_.counters.clients;
  if (clients.fetch_add(1, std::memory_order_relaxed) < context_.limits.max_connections) {
    --strangers_;
    return true;
  }
  clients.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void ProxyShard::GiveUpOldestStranger() {
  for (Session* session = oldest_; session != nullptr; session = session->next_) {
    if (!session->stranger() || session->ending()) continue;
    context_.counters.given_up.fetch_add(1, std::memory_order_relaxed);
    session->End(CancelReason::kClientGone);
    return;
  }
}

Result<CancelKey> ProxyShard::MintKey(Session& session, std::uint32_t version) {
  return keys_.Mint(version, reinterpret_cast<std::uintptr_t>(&session));
}

std::optional<CancelTarget> ProxyShard::FindKey(const StartupParser::Cancel& request) const {
  const auto session = keys_.Find(request.process_id, request.key);
  if (!session) return std::nullopt;
  return reinterpret_cast<const Session*>(*session)->target();
}

Task<std::optional<CancelTarget>> ProxyShard::FindCancelTarget(StartupParser::Cancel request) {
  // A process id of ours says whose shard it is.
  const std::size_t index = (request.process_id - 1) / SlotsOf(context_);
  if (request.process_id == 0 || index >= context_.shards.size()) co_return std::nullopt;
  const ProxyShard* owner = context_.shards[index].get();
  co_return co_await AskShard(context_.shards[index]->shard(),
                              [owner, &request] { return owner->FindKey(request); });
}

}  // namespace prism::branching
