#include "gateway/admin/branch_operations.h"

#include <optional>
#include <utility>

#include "gateway/admission.h"
#include "runtime/sync_wait.h"
#include "runtime/wait.h"

namespace prism::gateway {

using runtime::Task;
using runtime::WaitResult;

namespace {

constexpr std::string_view kBranch = "branch/";
constexpr std::string_view kSource = "source/";

Error ShuttingDown() {
  return {Code::kUnavailable, "SHUTTING_DOWN", "the server stops: ask again, or another instance"};
}

// As the next start would say it.
Error Interrupted() {
  return {Code::kAborted, "INTERRUPTED", "the server ended before it did: begin it again"};
}

}  // namespace

std::string ProgressOf(BranchControl* control, const OperationRecord& record) {
  if (control == nullptr || record.ended_at) return "";
  for (const std::string_view prefix : {kBranch, kSource}) {
    if (record.object.starts_with(prefix)) {
      return control->Progress(record.object.substr(prefix.size()));
    }
  }
  return "";
}

// Of one shard, all of it.
struct BranchOperations::Going {
  Going(runtime::Shard& shard, Wish wished)
      : wish(std::move(wished)), ended(shard), told(shard), settled(shard) {}

  const Wish wish;
  std::optional<Result<std::string>> result;
  std::int64_t id = 0;     // 0: it is no operation
  runtime::Event ended;    // there is a result
  runtime::Event told;     // whoever does not wait for the end may go
  runtime::Event settled;  // the result is written down, if it is to be
};

BranchOperations::BranchOperations(const Parts& parts) : parts_(parts) {
  for (int i = 0; i < parts_.shards.size(); ++i) {
    per_shard_.push_back(std::make_unique<runtime::TaskGroup>());
  }
}

Task<Result<BranchOperations::Outcome>> BranchOperations::Run(contract::CallContext& ctx, Wish wish,
                                                              Work work) {
  runtime::Shard& shard = *runtime::Shard::Current();
  // Stop comes to this shard after it has set that, and joins what is spawned here.
  if (stopping_.load()) co_return std::unexpected(ShuttingDown());
  runtime::TaskGroup& group = *per_shard_[static_cast<std::size_t>(shard.id())];
  const auto going = std::make_shared<Going>(shard, std::move(wish));
  group.Spawn(Note(going));
  group.Spawn(Do(going, std::move(work)));
  runtime::Event& enough = going->wish.background ? going->told : going->settled;
  const WaitResult waited = co_await enough.For(runtime::kNoDeadline, &ctx.cancel());
  if (waited == WaitResult::kCancelled) {
    co_return std::unexpected(WhyCancelled(
        ctx.cancel().reason(),
        Error(Code::kCancelled, "CANCELLED", "the call was given up; what it began goes on")));
  }
  Outcome outcome{.operation = going->id == 0 ? "" : std::to_string(going->id),
                  .ended = going->settled.set()};
  if (!outcome.ended) co_return outcome;
  if (!*going->result) co_return std::unexpected(going->result->error());
  co_return outcome;
}

Task<void> BranchOperations::Do(std::shared_ptr<Going> going, Work work) {
  going->result = co_await std::move(work);
  const bool given_up = !*going->result && going->result->error().code() == Code::kCancelled;
  if (given_up && stopping_.load()) {
    going->result = std::unexpected(Interrupted());
  }
  going->ended.Set();
}

// What can't be written down goes on as a call that is waited for; what has ended and can't be
// written down is interrupted for the next start.
Task<void> BranchOperations::Note(std::shared_ptr<Going> going) {
  const MonoNanos moment = MonotonicNow() + parts_.moment;
  if (co_await going->ended.For(moment) == WaitResult::kDeadline) {
    const auto begun = co_await parts_.pool.Run([&] { return Begin(*going); });
    if (begun && *begun) going->told.Set();
    co_await going->ended.For();
    if (going->id != 0) {
      static_cast<void>(co_await parts_.pool.Run(
          [&] { return parts_.operations.End(going->id, *going->result); }));
      parts_.changes.Ring();
    }
  }
  going->settled.Set();
  going->told.Set();
}

Status BranchOperations::Begin(Going& going) {
  TRY_ASSIGN(const OperationRecord begun, parts_.operations.Begin({.kind = going.wish.kind,
                                                                   .object = going.wish.object(),
                                                                   .created_by = going.wish.by}));
  going.id = begun.id;
  return {};
}

void BranchOperations::Stop() {
  stopping_.store(true);
  for (int i = 0; i < parts_.shards.size(); ++i) {
    runtime::TaskGroup* const group = per_shard_[static_cast<std::size_t>(i)].get();
    runtime::RunOn(parts_.shards.at(i), [group] { return Join(group); });
  }
}

Task<void> BranchOperations::Join(runtime::TaskGroup* group) { co_await group->Join(); }

}  // namespace prism::gateway
