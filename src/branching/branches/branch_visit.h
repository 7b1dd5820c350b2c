// A client inside a branch.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "branching/branches/branch_manager.h"
#include "branching/branches/ticket.h"
#include "runtime/shard.h"

namespace prism::branching {

// On its own shard, but for the way in and out.
class BranchVisit final : public Entrance {
 public:
  BranchVisit(runtime::Shard& home, std::shared_ptr<BranchManager::Door> door,
              std::weak_ptr<BranchSlot> slot, std::string socket_path,
              std::vector<StartupParameter> settings, std::vector<std::string> notices,
              const Ticket& ticket)
      : home_(home),
        door_(std::move(door)),
        user_(ticket.user()),
        way_(ticket.way()),
        slot_(std::move(slot)),
        socket_path_(std::move(socket_path)),
        settings_(std::move(settings)),
        notices_(std::move(notices)) {}
  ~BranchVisit() override {
    home_.Post([door = std::move(door_), slot = std::move(slot_), user = std::move(user_),
                found_damage = found_damage_] {
      if (door->manager == nullptr) return;
      door->manager->quotas_.Leave(user);
      // None: the branch was removed since.
      if (const auto left = slot.lock()) door->manager->Leave(*left, found_damage);
    });
  }
  const std::string& socket_path() const override { return socket_path_; }
  const std::vector<StartupParameter>& settings() const override { return settings_; }
  const std::vector<std::string>& notices() const override { return notices_; }
  EntryWay way() const override { return way_; }
  void NoteDamage() override { found_damage_ = true; }

 private:
  runtime::Shard& home_;
  std::shared_ptr<BranchManager::Door> door_;
  std::string user_;
  const EntryWay way_;
  bool found_damage_ = false;
  std::weak_ptr<BranchSlot> slot_;
  const std::string socket_path_;
  const std::vector<StartupParameter> settings_;
  const std::vector<std::string> notices_;
};

// A client inside the source, whose server nobody stops.
class SourceVisit final : public Entrance {
 public:
  SourceVisit(runtime::Shard& home, std::shared_ptr<BranchManager::Door> door,
              std::string socket_path, std::vector<StartupParameter> settings, std::string user)
      : home_(home),
        door_(std::move(door)),
        user_(std::move(user)),
        socket_path_(std::move(socket_path)),
        settings_(std::move(settings)) {}
  ~SourceVisit() override {
    home_.Post([door = std::move(door_), user = std::move(user_)] {
      if (door->manager != nullptr) door->manager->quotas_.Leave(user);
    });
  }
  const std::string& socket_path() const override { return socket_path_; }
  const std::vector<StartupParameter>& settings() const override { return settings_; }
  const std::vector<std::string>& notices() const override { return none_; }
  EntryWay way() const override { return EntryWay::kRunning; }

 private:
  runtime::Shard& home_;
  std::shared_ptr<BranchManager::Door> door_;
  std::string user_;
  const std::string socket_path_;
  const std::vector<StartupParameter> settings_;
  const std::vector<std::string> none_;
};

}  // namespace prism::branching
