#include "gateway/newest_table.h"

#include <algorithm>
#include <utility>

namespace prism::gateway {

namespace {

// States that no revision has.
constexpr std::int64_t kGone = 0;
constexpr std::int64_t kRefused = -1;

void Wake(runtime::Event& event) {
  event.Set();
  event.Reset();
}

}  // namespace

void NewestTable::Install(std::shared_ptr<const RoutingTable> table) {
  table_ = std::move(table);
  for (auto& [ns, waited] : waited_) {
    const std::int64_t now = StateOf(ns);
    if (now == waited.seen) continue;
    waited.seen = now;
    Wake(waited.changed);
  }
}

void NewestTable::Drain() {
  draining_ = true;
  for (auto& [ns, waited] : waited_) Wake(waited.changed);
}

std::int64_t NewestTable::StateOf(std::string_view ns) const {
  const auto* entry = table_ == nullptr ? nullptr : table_->Find(ns);
  if (entry == nullptr) return kGone;
  return (*entry)->refused ? kRefused : (*entry)->features_revision;
}

NewestTable::Place::Place(NewestTable& table, std::string_view ns) : table_(table), ns_(ns) {
  Waited& waited =
      table_.waited_.try_emplace(ns_, table_.shard_, table_.StateOf(ns_)).first->second;
  ++waited.places;
  ++table_.places_;
}

NewestTable::Place::~Place() {
  const auto waited = table_.waited_.find(ns_);
  if (--waited->second.places == 0) table_.waited_.erase(waited);
  --table_.places_;
}

runtime::Event& NewestTable::Place::changed() { return table_.waited_.find(ns_)->second.changed; }

NewestTables::NewestTables(runtime::ShardPool& shards, std::size_t max_waiters) : shards_(shards) {
  const auto count = static_cast<std::size_t>(shards.size());
  for (std::size_t i = 0; i < count; ++i) {
    tables_.push_back(std::make_unique<NewestTable>(shards.at(static_cast<int>(i)),
                                                    std::max<std::size_t>(max_waiters / count, 1)));
  }
}

void NewestTables::Install(const std::shared_ptr<const RoutingTable>& table) {
  for (int i = 0; i < shards_.size(); ++i) {
    shards_.at(i).Post([table, newest = &At(i)] { newest->Install(table); });
  }
}

void NewestTables::Drain() {
  for (int i = 0; i < shards_.size(); ++i) {
    shards_.at(i).Post([table = &At(i)] { table->Drain(); });
  }
}

}  // namespace prism::gateway
