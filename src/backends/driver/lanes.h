// The connections of a driver, by shard: its own where there are enough, else the one of an owner
// shard, to which the call hops and from which it comes back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "backends/driver/backend_health.h"
#include "backends/driver/driver_counters.h"
#include "backends/driver/lane_hop.h"
#include "base/status.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::backends {

// The shards are cut into as many runs of neighbours as there are owners; the first of a run owns.
constexpr int OwnerShard(int shard, int shards, int owners) {
  const int run = shard * owners / shards;
  return (run * shards + owners - 1) / owners;
}

// Lane is what a driver has on one shard: made on that shard by the first call that needs it.
//   runtime::Task<void> Stop();            ends everything; called once, on its shard
//   const BackendHealth& health() const;   on its shard
// Life cycle: construct, use from coroutines on shards, Stop when no call is made any more,
// destroy. Thread rule: any shard; Counts also from other threads, Stop and Health from no shard.
template <class Lane>
class Lanes {
 public:
  using LaneType = Lane;
  using Factory =
      std::function<std::unique_ptr<Lane>(runtime::Shard& shard, DriverCounters& counters)>;

  // `connections`: how many there may be at most, at least 1. There are never more than shards: one
  // connection carries all calls of its shard.
  Lanes(runtime::ShardPool& shards, int connections, Factory make)
      : shards_(shards), make_(std::move(make)) {
    const int owners = std::clamp(connections, 1, shards.size());
    for (int i = 0; i < shards.size(); ++i) {
      places_.push_back(std::make_unique<Place>(shards.at(OwnerShard(i, shards.size(), owners))));
    }
  }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // co_await lanes.Run(&call, cancel): `call(Lane&, CancelSource*)` gives a Task<T> with T a Status
  // or Result, which runs on the shard of the lane; the caller goes on on its own. `call` lives in
  // the caller's frame and is all that the two shards share. Of the source only the shard's own is
  // passed on.
  template <class Call>
  auto Run(Call* call, runtime::CancelSource* cancel)
      -> decltype((*call)(std::declval<Lane&>(), cancel)) {
    runtime::Shard& here = *runtime::Shard::Current();
    runtime::Shard& owner = places_[static_cast<std::size_t>(here.id())]->owner;
    if (&owner == &here) return (*call)(LaneOf(here), cancel);
    return RunThere(this, &owner, call, cancel);
  }

  // Whether calls of this shard hop.
  bool hops(int shard) const {
    return places_[static_cast<std::size_t>(shard)]->owner.id() != shard;
  }

  DriverCounts Counts() const {
    DriverCounts sum;
    for (const auto& place : places_) place->counters.AddTo(sum);
    return sum;
  }

  BackendHealth Health() {
    BackendHealth all;
    for (int i = 0; i < shards_.size(); ++i) {
      all.Include(runtime::RunOn(shards_.at(i), [this, i] { return HealthOf(this, i); }));
    }
    return all;
  }

  void Stop() {
    for (int i = 0; i < shards_.size(); ++i) {
      runtime::RunOn(shards_.at(i), [this, i] { return StopLane(this, i); });
    }
  }

 private:
  struct Place {
    explicit Place(runtime::Shard& owner_shard) : owner(owner_shard) {}
    runtime::Shard& owner;  // whose lane this shard's calls take
    DriverCounters counters;
    std::unique_ptr<Lane> lane;  // touched on this shard alone
    runtime::TaskGroup guests;   // calls of other shards
  };

  Lane& LaneOf(runtime::Shard& shard) {
    Place& place = *places_[static_cast<std::size_t>(shard.id())];
    if (place.lane == nullptr) place.lane = make_(shard, place.counters);
    return *place.lane;
  }

  template <class Call>
  static auto RunThere(Lanes* self, runtime::Shard* owner, Call* call,
                       runtime::CancelSource* cancel)
      -> decltype((*call)(std::declval<Lane&>(), cancel)) {
    LaneVisit<Lanes, Call> visit(*self, *call);
    LaneHop hop(*owner, visit, cancel);
    co_await hop;
    co_return std::move(visit).Take();
  }

  static runtime::Task<BackendHealth> HealthOf(Lanes* self, int shard) {
    const auto& lane = self->places_[static_cast<std::size_t>(shard)]->lane;
    co_return lane == nullptr ? BackendHealth() : lane->health();
  }

  static runtime::Task<void> StopLane(Lanes* self, int shard) {
    Place& place = *self->places_[static_cast<std::size_t>(shard)];
    if (place.lane != nullptr) co_await place.lane->Stop();
    co_await place.guests.Join();
    place.lane.reset();
  }

  template <class, class>
  friend class LaneVisit;

  runtime::ShardPool& shards_;
  Factory make_;
  std::vector<std::unique_ptr<Place>> places_;  // by shard
};

}  // namespace prism::backends
