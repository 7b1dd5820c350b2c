#include "gateway/shard_state.h"

#include <algorithm>
#include <utility>

#include "gateway/identify.h"
#include "security/authorizer.h"

namespace prism::gateway {

void LiveStream::Link(LiveStream*& head) {
  head_ = &head;
  next_ = head;
  if (next_ != nullptr) next_->prev_ = this;
  head = this;
}

void LiveStream::Unlink() {
  if (head_ == nullptr) return;
  (prev_ != nullptr ? prev_->next_ : *head_) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  head_ = nullptr;
  next_ = prev_ = nullptr;
}

Status LiveStream::Judge(const std::shared_ptr<const security::Guard>& guard, WallMillis now) {
  if (rights_ != nullptr) return JudgeRights(guard, now);
  TRY_ASSIGN(const security::Caller caller, Authenticate(*guard, call_, now));
  return guard->authorizer().Check(caller, call_.context().ns,
                                   security::Needed(call_.method().access));
}

Status LiveStream::JudgeRights(const std::shared_ptr<const security::Guard>& guard,
                               WallMillis now) {
  // For what is open to all nobody had to be known.
  if (!rights_->CheckIdentity()) return {};
  TRY_ASSIGN(const security::Caller caller, Authenticate(*guard, call_, now));
  // Administrators were let in as such. What others may see their methods ask again and again.
  if (rights_->CheckServer()) TRY(guard->authorizer().CheckServer(caller));
  rights_->Renew(guard, caller);
  return {};
}

void LiveStream::End(std::optional<Error> why) {
  why_ = std::move(why);
  call_.context().cancel().Cancel(runtime::CancelReason::kReconfigured);
}

BoundNamespace::BoundNamespace(std::shared_ptr<const NamespaceEntry> entry,
                               NamespaceMetrics& metrics, int shards)
    : entry_(std::move(entry)),
      metrics_(&metrics),
      max_in_flight_(std::max<std::uint64_t>(
          entry_->config.max_in_flight / static_cast<std::uint64_t>(shards), 1)) {}

void BoundNamespace::OnTimer() {
  // Cancelling may end streams, which unlinks them and may drop this object: one step at a time,
  // from a list of its own.
  std::vector<LiveStream*> streams;
  for (LiveStream* stream = streams_; stream != nullptr; stream = stream->next()) {
    streams.push_back(stream);
  }
  for (LiveStream* stream : streams) stream->End(std::nullopt);
}

ShardState::ShardState(runtime::Shard& shard, int shards, std::size_t methods,
                       const Options& options, telemetry::Logger& log,
                       std::shared_ptr<const security::Guard> guard)
    : shard_(shard),
      shards_(shards),
      options_(options),
      guard_(std::move(guard)),
      methods_(methods),
      call_log_(log),
      queue_delay_(options.queue_delay) {
  slow_log_.SetThreshold(options.slow_threshold);
}

void ShardState::Use(std::shared_ptr<const security::Guard> guard, WallMillis now) {
  guard_ = std::move(guard);
  std::vector<std::pair<LiveStream*, Error>> over;
  const auto judge = [this, now, &over](LiveStream* stream) {
    for (; stream != nullptr; stream = stream->next()) {
      if (Status may = stream->Judge(guard_, now); !may) over.emplace_back(stream, may.error());
    }
  };
  for (const auto& [name, ns] : bound_) judge(ns->streams());
  for (const auto& ns : retired_) judge(ns->streams());
  judge(streams_);
  // From a list of its own, as in BoundNamespace::OnTimer.
  for (auto& [stream, why] : over) stream->End(std::move(why));
}

void ShardState::Install(std::shared_ptr<const RoutingTable> table) {
  table_ = std::move(table);
  last_ = nullptr;
  for (auto it = bound_.begin(); it != bound_.end();) {
    const auto* entry = table_->Find(it->first);
    if (entry != nullptr && *entry == it->second->shared_entry()) {
      ++it;
      continue;
    }
    std::unique_ptr<BoundNamespace> ns = std::move(it->second);
    it = bound_.erase(it);
    Retire(std::move(ns));
  }
  for (auto it = namespace_metrics_.begin(); it != namespace_metrics_.end();) {
    const bool gone =
        table_->Find(it->first) == nullptr && std::ranges::none_of(retired_, [&it](const auto& ns) {
          return &ns->metrics() == &it->second;
        });
    if (gone) removed_metrics_.Add(it->second);
    it = gone ? namespace_metrics_.erase(it) : std::next(it);
  }
}

void ShardState::Retire(std::unique_ptr<BoundNamespace> ns) {
  if (ns->in_flight_ == 0) return;
  ns->retired_ = true;
  shard_.ArmTimerAt(*ns, shard_.turn_time() + options_.rebind_grace);
  retired_.push_back(std::move(ns));
}

void ShardState::Drop(BoundNamespace& ns) {
  std::erase_if(retired_, [&ns](const auto& held) { return held.get() == &ns; });
}

BoundNamespace* ShardState::ResolveSlow(std::string_view name) {
  auto it = bound_.find(name);
  if (it == bound_.end()) {
    const auto* entry = table_ == nullptr ? nullptr : table_->Find(name);
    if (entry == nullptr) return nullptr;
    NamespaceMetrics& metrics = namespace_metrics_[(*entry)->config.name];
    auto bound = std::make_unique<BoundNamespace>(*entry, metrics, shards_);
    const std::string_view key = bound->entry().config.name;
    it = bound_.emplace(key, std::move(bound)).first;
  }
  return last_ = it->second.get();
}

bool ShardState::ShouldShed() {
  shard_.AtTurnEnd(*this);
  const MonoNanos at = now();
  // Calls wait for those before them in the same turn, and in the socket while the turn before ran:
  // for half of it on average. How long a client took to send its request is not our delay.
  return queue_delay_.ShouldShed(at, at - shard_.turn_time() + last_turn_busy_ / 2,
                                 last_turn_calls_ + turn_calls_++);
}

void ShardState::NoteRefused(const contract::MethodInfo* method, rpc::ServerCall& call,
                             const Error& error) {
  const auto protocol = static_cast<std::size_t>(call.protocol());
  ++protocols_.refused[protocol][static_cast<std::size_t>(error.code())];
  call_log_.Refused(method, call, error);
}

void ShardState::OnTurnEnd() {
  now_ = MonotonicNow();
  last_turn_busy_ = now_ - shard_.turn_time();
  last_turn_calls_ = std::exchange(turn_calls_, 0);
  queue_delay_.Worked(last_turn_busy_);
}

ShardSample ShardState::Sample() const {
  ShardSample sample;
  sample.methods = methods_;
  sample.namespaces.assign(namespace_metrics_.begin(), namespace_metrics_.end());
  sample.removed = removed_metrics_;
  sample.rejected = rejected_;
  sample.protocols = protocols_;
  sample.slow = slow_log_.total();
  sample.in_flight = in_flight_;
  sample.bound_namespaces = bound_.size();
  return sample;
}

}  // namespace prism::gateway
