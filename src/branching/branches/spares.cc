#include "branching/branches/spares.h"

#include <cstdint>
#include <fstream>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/role_reader.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "runtime/wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

// A client that was let in asks its first question meanwhile.
constexpr MonoNanos kPause = 100 * kNanosPerMilli;
constexpr MonoNanos kRetry = 30 * kNanosPerSecond;

// In percent of all memory, as the kernel estimates it (proc_meminfo(5), MemAvailable); 100 when it
// does not say.
int AvailableMemory() {
  std::ifstream info("/proc/meminfo");
  std::uint64_t total = 0;
  std::string key;
  std::uint64_t kib = 0;
  while (info >> key >> kib) {
    if (key == "MemTotal:") total = kib;
    if (key == "MemAvailable:" && total > 0) return static_cast<int>(kib * 100 / total);
    info.ignore(64, '\n');
  }
  return 100;
}

Error MemoryShort() {
  return {Code::kResourceExhausted, "MEMORY_SHORT", "little memory is available"};
}

}  // namespace

Spares::Spares(runtime::Shard& home, Workshop& workshop, InstanceSettings settings,
               std::size_t count, OnDamage on_damage)
    : home_(home),
      workshop_(workshop),
      settings_(std::move(settings)),
      count_(count),
      on_damage_(std::move(on_damage)) {}

void Spares::Fill(const Generation& generation) {
  if (generation.id != generation_.id) {
    while (!ready_.empty()) Discard(Pop());
    generation_ = generation;
  }
  if (making_ || ready_.size() >= count_ || cancel_.cancelled()) return;
  if (!workshop_.storage.traits().shares_blocks) return;  // each would be a whole copy
  making_ = true;
  tasks_.Spawn(MakeAll());
}

std::optional<Spare> Spares::Take(const std::string& generation) {
  std::optional<Spare> taken;
  while (!taken && generation == generation_.id && !ready_.empty()) {
    Spare next = Pop();
    if (next.instance->running()) {
      taken = std::move(next);
    } else {
      Discard(std::move(next));
    }
  }
  Fill(generation_);
  return taken;
}

Spare Spares::Pop() {
  Spare first = std::move(ready_.front());
  ready_.pop_front();
  size_.store(ready_.size(), std::memory_order_relaxed);
  return first;
}

void Spares::Discard(Spare spare) { tasks_.Spawn(Remove(std::move(spare))); }

// Clients come first: who has taken one, and who waits for a branch of its own.
Task<void> Spares::MakeAll() {
  (void)co_await runtime::SleepUntil(home_, MonotonicNow() + kPause, &cancel_);
  std::string last_reason;
  while (ready_.size() < count_ && !cancel_.cancelled()) {
    const Generation generation = generation_;  // there may be a newer one meanwhile
    auto made = co_await MakeOne(generation);
    if (!made) {
      if (cancel_.cancelled()) break;
      NoteFailure(made.error(), generation.id, &last_reason);
      const bool stopped = co_await runtime::SleepUntil(home_, MonotonicNow() + kRetry, &cancel_);
      if (stopped) break;
    } else if (made->generation == generation_.id) {
      ready_.push_back(*std::move(made));
      size_.store(ready_.size(), std::memory_order_relaxed);
    } else {
      Discard(*std::move(made));
    }
  }
  making_ = false;
}

// What is wrong again is told once.
void Spares::NoteFailure(const Error& error, const std::string& generation,
                         std::string* last_reason) {
  if (SaysDamage(error)) on_damage_(generation);
  if (error.reason() != *last_reason) workshop_.logger.Failure("spare_not_made", error);
  *last_reason = error.reason();
}

Task<Result<Spare>> Spares::MakeOne(Generation generation) {
  const std::string volume = "b-" + base::LowerCase(base::NewId());
  auto started = co_await StartOne(volume, generation);
  if (started) co_await WarmUp(started->get());
  if (started) {
    co_return Spare{.volume = volume, .generation = generation.id, .instance = *std::move(started)};
  }
  const Status removed = co_await RemoveVolume(&workshop_, volume);
  if (!removed) workshop_.logger.Failure("spare_not_removed", removed.error());
  co_return std::unexpected(std::move(started).error());
}

// What fails is told, and the spare is a little slower.
Task<void> Spares::WarmUp(const Instance* instance) {
  const Status warmed = co_await RunOnPool(
      workshop_.pool, [&] { return WarmDatabases(instance->socket_path(), workshop_.superuser); });
  if (!warmed) workshop_.logger.Failure("spare_not_warm", warmed.error());
}

Task<Result<std::unique_ptr<Instance>>> Spares::StartOne(std::string volume,
                                                         Generation generation) {
  Status cloned = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    if (AvailableMemory() < kMemoryForSpares) return std::unexpected(MemoryShort());
    TRY(workshop_.journal.BeginSpare(volume, generation.id));
    workshop_.After("spare-begun");
    return CloneVolume(workshop_, generation.id, volume);
  });
  CO_TRY(std::move(cloned));
  workshop_.After("spare-cloned");
  co_return co_await StartServer(
      &workshop_,
      {.volume = std::move(volume),
       .major = generation.major,
       .max_prepared_transactions = generation.max_prepared_transactions},
      settings_, &cancel_);
}

Task<void> Spares::Remove(Spare spare) {
  spare.instance.reset();  // found again by whoever removes it
  const Status removed = co_await RemoveVolume(&workshop_, std::move(spare.volume));
  if (!removed) workshop_.logger.Failure("spare_not_removed", removed.error());
}

Task<void> Spares::Stop() {
  cancel_.Cancel(runtime::CancelReason::kShutdown);
  co_await tasks_.Join();
  while (!ready_.empty()) co_await Remove(Pop());
}

}  // namespace prism::branching
