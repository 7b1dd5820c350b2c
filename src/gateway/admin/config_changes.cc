#include "gateway/admin/config_changes.h"

#include <algorithm>
#include <string>

#include "namespaces/store/facts.h"

namespace prism::gateway {

namespace {

// Counts a waiter while it waits.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

}  // namespace

ConfigChanges::ConfigChanges(runtime::ShardPool& shards, std::size_t max_waiters)
    : shards_(shards),
      max_per_shard_(
          std::max<std::size_t>(1, max_waiters / static_cast<std::size_t>(shards.size()))) {
  for (int i = 0; i < shards.size(); ++i) {
    per_shard_.push_back(std::make_unique<PerShard>(shards.at(i)));
  }
}

void ConfigChanges::Install(const std::shared_ptr<const RoutingTable>& table,
                            const std::shared_ptr<const namespaces::FactsTable>& facts) {
  for (int i = 0; i < shards_.size(); ++i) {
    PerShard& state = *per_shard_[static_cast<std::size_t>(i)];
    shards_.at(i).Post([&state, table, facts] {
      state.table = table;
      state.facts = facts;
    });
  }
}

std::optional<namespaces::FoundNamespace> ConfigChanges::Find(std::string_view name) {
  const PerShard& state = Here();
  const auto* config = state.table ? state.table->snapshot().FindNamespace(name) : nullptr;
  const auto* facts = config != nullptr ? state.facts->Find(name) : nullptr;
  if (facts == nullptr) return std::nullopt;
  const auto* backend = state.table->snapshot().FindBackend(config->backend);
  return namespaces::FoundNamespace{.record = {.id = facts->id,
                                               .config = *config,
                                               .revision = facts->revision,
                                               .created_at = facts->created_at,
                                               .updated_at = facts->updated_at,
                                               .created_by = facts->created_by},
                                    .type = backend != nullptr ? backend->type : std::string()};
}

void ConfigChanges::Drain() {
  for (int i = 0; i < shards_.size(); ++i) {
    PerShard& state = *per_shard_[static_cast<std::size_t>(i)];
    shards_.at(i).Post([&state] {
      state.draining = true;
      Wake(state);
    });
  }
}

void ConfigChanges::Ring() {
  for (int i = 0; i < shards_.size(); ++i) {
    PerShard& state = *per_shard_[static_cast<std::size_t>(i)];
    shards_.at(i).Post([&state] { Wake(state); });
  }
}

runtime::Task<Result<bool>> ConfigChanges::WaitForMore(contract::CallContext& ctx,
                                                       std::uint64_t seen, MonoNanos until) {
  PerShard& state = Here();
  if (state.waiters >= max_per_shard_) {
    co_return std::unexpected(Error(Code::kResourceExhausted, "TOO_MANY_WAITERS",
                                    "too many calls wait for changes: ask again without waiting"));
  }
  const Counted counted(state.waiters);
  if (ctx.deadline != 0) until = std::min(until, ctx.deadline);
  for (;;) {
    if (state.draining) {
      co_return std::unexpected(Error(Code::kUnavailable, "SHUTTING_DOWN",
                                      "the server stops: ask again, or another instance"));
    }
    if (state.count != seen) co_return true;
    const runtime::WaitResult result = co_await state.changed.For(until, &ctx.cancel());
    if (result == runtime::WaitResult::kDeadline) co_return false;
    if (result == runtime::WaitResult::kCancelled) {
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "the call was cancelled"));
    }
  }
}

ConfigChanges::PerShard& ConfigChanges::Here() {
  return *per_shard_[static_cast<std::size_t>(runtime::Shard::Current()->id())];
}

void ConfigChanges::Wake(PerShard& state) {
  ++state.count;
  state.changed.Set();
  state.changed.Reset();
}

}  // namespace prism::gateway
