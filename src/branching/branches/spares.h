// The warm pool: branches that nobody has named yet, with their servers running.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "branching/branches/workshop.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace prism::branching {

struct Spare {
  std::string volume;
  std::string generation;
  std::unique_ptr<Instance> instance;
};

// A spare takes some 7 MiB while it waits, so none is made unless so much of the machine's memory
// is available, in percent.
inline constexpr int kMemoryForSpares = 20;

// Life cycle: construct, Fill (again whenever there is a newer generation), Stop, destroy. Thread
// rule: one shard, the branches' home.
class Spares {
 public:
  // Told of the generation that they can't be made of.
  using OnDamage = std::function<void(const std::string& generation)>;

  // The workshop outlives it. `count` of them are kept; 0: none.
  Spares(runtime::Shard& home, Workshop& workshop, InstanceSettings settings, std::size_t count,
         OnDamage on_damage);
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;

  // Makes what is missing, of `generation` from here on; those of another one go. Returns at once.
  void Fill(const Generation& generation);
  // One of that generation, and makes another; nothing when there is none yet. In the journal it is
  // still a spare (ClaimSpare).
  std::optional<Spare> Take(const std::string& generation);
  // A spare that could not be used.
  void Discard(Spare spare);
  // Those that are ready. Any thread.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  // They go. What can't be removed goes with the next start.
  runtime::Task<void> Stop();

 private:
  Spare Pop();
  runtime::Task<void> MakeAll();
  void NoteFailure(const Error& error, const std::string& generation, std::string* last_reason);
  runtime::Task<Result<Spare>> MakeOne(Generation generation);
  runtime::Task<void> WarmUp(const Instance* instance);
  runtime::Task<Result<std::unique_ptr<Instance>>> StartOne(std::string volume,
                                                            Generation generation);
  runtime::Task<void> Remove(Spare spare);

  runtime::Shard& home_;
  Workshop& workshop_;
  const InstanceSettings settings_;
  const std::size_t count_;
  const OnDamage on_damage_;
  Generation generation_;
  std::deque<Spare> ready_;
  std::atomic<std::size_t> size_ = 0;  // of it
  bool making_ = false;
  runtime::TaskGroup tasks_;
  runtime::CancelSource cancel_;
};

}  // namespace prism::branching
