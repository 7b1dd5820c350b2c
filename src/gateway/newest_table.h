// The newest routing table of each shard, and those who wait for one in which a namespace differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/routing_table.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::gateway {

// Life cycle: made before its shard takes calls, outlives them. Thread rule: its shard.
class NewestTable {
 public:
  NewestTable(runtime::Shard& shard, std::size_t max_places)
      : shard_(shard), max_places_(max_places) {}
  NewestTable(const NewestTable&) = delete;
  NewestTable& operator=(const NewestTable&) = delete;

  const std::shared_ptr<const RoutingTable>& table() const { return table_; }
  // Wakes those who wait on a namespace whose features are others now, or that is not served any
  // more. One look-up for each namespace that is waited on.
  void Install(std::shared_ptr<const RoutingTable> table);

  // From now on nobody should wait any more; wakes all.
  void Drain();
  bool draining() const { return draining_; }

  // Someone who may wait on a namespace, whether it is there or not. Lives in the frame of the one
  // who waits; keeps nothing of the configuration alive.
  class Place {
   public:
    // Not when there is no room.
    Place(NewestTable& table, std::string_view ns);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();
    // Set for a moment at each change.
    runtime::Event& changed();

   private:
    NewestTable& table_;
    const std::string ns_;
  };
  bool has_room() const { return places_ < max_places_; }

 private:
  // What is waited on, and how many do.
  struct Waited {
    Waited(runtime::Shard& shard, std::int64_t now) : changed(shard), seen(now) {}
    runtime::Event changed;
    std::int64_t seen;
    std::size_t places = 0;
  };
  // Differs when those who wait should look.
  std::int64_t StateOf(std::string_view ns) const;

  runtime::Shard& shard_;
  const std::size_t max_places_;
  std::shared_ptr<const RoutingTable> table_;
  std::unordered_map<std::string, Waited> waited_;
  std::size_t places_ = 0;
  bool draining_ = false;
};

// One for each shard. Life cycle: outlives the gateway. Thread rule: At and Here on the shard in
// question; the rest anywhere while the shards run, and takes effect within a turn of each.
class NewestTables {
 public:
  static constexpr std::size_t kMaxWaiters = 10'000;  // of the whole server

  explicit NewestTables(runtime::ShardPool& shards, std::size_t max_waiters = kMaxWaiters);

  NewestTable& At(int shard) { return *tables_[static_cast<std::size_t>(shard)]; }
  NewestTable& Here() { return At(runtime::Shard::Current()->id()); }
  void Install(const std::shared_ptr<const RoutingTable>& table);
  void Drain();

 private:
  runtime::ShardPool& shards_;
  std::vector<std::unique_ptr<NewestTable>> tables_;
};

}  // namespace prism::gateway
