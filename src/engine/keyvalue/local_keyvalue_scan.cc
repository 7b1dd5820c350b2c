// KeyValueScan: many keys by prefix, a page at a time; no lock and no read transaction outlives a
// page.
#include <algorithm>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "engine/yield.h"
#include "models/keyvalue/delete_prefix.h"
#include "models/keyvalue/scan_plan.h"
#include "models/keyvalue/validation.h"
#include "models/wanted.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

// Keys that Count and DeletePrefix look at before other work gets its turn.
constexpr std::size_t kCountVisits = 4096;
constexpr std::size_t kDeleteVisits = 1000;

template <class Response>
Status FillEntry(ScannedEntry& entry, Response& to) {
  const models::VersionText version(entry.record.version);
  return models::FillEntry(std::move(entry.key), ViewOf(entry.record, version), to);
}

struct DeleteStep {
  std::uint64_t total = 0;
  PrefixProgress progress;
};

Result<DeleteStep> DeletePageOnce(KeyValueStore& store, DedupStore& dedup,
                                  const models::WriteIdentity& identity, std::string_view prefix,
                                  std::string_view cursor, WallMillis now) {
  const DedupStore::Section section(dedup, identity.id);
  TRY_ASSIGN(const auto remembered, FindAnswer(dedup, identity, now));
  models::DeletePrefixState state;
  if (remembered) {
    TRY_ASSIGN(state, models::DecodeDeletePrefix(remembered->view()));
  }
  if (state.done)
    return DeleteStep{.total = state.deleted, .progress = {.end = true, .cursor = {}}};
  DeleteStep step;
  TRY_ASSIGN(step.progress, store.DeletePrefixPage(prefix, cursor, kDeleteVisits, now));
  step.total = state.deleted + step.progress.keys;
  const std::string answer =
      models::EncodeDeletePrefix({.deleted = step.total, .done = step.progress.end});
  TRY(dedup.Remember(identity.id, identity.payload, answer, identity.expires_at));
  return step;
}

}  // namespace

template <class Response>
LocalKeyValue::StatusTask LocalKeyValue::StreamScan(Context& ctx, models::ScanPlan plan,
                                                    Sink<Response> sink) {
  Response message;
  while (true) {
    const models::ScanQuery query = plan.Next();
    const WallMillis now = std::max(ctx.now, engine_.clock().Now());
    CO_TRY_ASSIGN(ScanPage page, co_await store_.Read(ctx, [&](KeyValueStore& store) {
      return store.Scan(query, now);
    }));
    for (ScannedEntry& entry : page.entries) {
      CO_TRY(FillEntry(entry, message));
      CO_TRY(co_await sink.Write(message));
    }
    auto token = plan.Advance(page.entries.size(), std::move(page.resume), page.end);
    if (token) {
      message.mutable_checkpoint()->set_page_token(*std::move(token));
      CO_TRY(co_await sink.Write(message));
    }
    if (plan.done()) co_return Status();
    co_await Yield();
    // A page of nothing but expired keys writes nothing, so the sink can't be the one to notice.
    CO_TRY(models::CheckWanted(ctx));
  }
}

LocalKeyValue::StatusTask LocalKeyValue::Scan(Context& ctx, const ScanRequest& request,
                                              Sink<ScanResponse> sink) {
  CO_TRY_ASSIGN(models::ScanPlan plan, models::ScanPlan::From(request, ns_, token_key()));
  co_return co_await StreamScan(ctx, std::move(plan), sink);
}

LocalKeyValue::StatusTask LocalKeyValue::ScanKeys(Context& ctx, const ScanKeysRequest& request,
                                                  Sink<ScanKeysResponse> sink) {
  CO_TRY_ASSIGN(models::ScanPlan plan, models::ScanPlan::From(request, ns_, token_key()));
  co_return co_await StreamScan(ctx, std::move(plan), sink);
}

LocalKeyValue::StatusTask LocalKeyValue::Count(Context& ctx, const CountRequest& request,
                                               CountResponse& response) {
  CO_TRY(models::CheckPrefix(request.prefix()));
  std::uint64_t count = 0;
  PrefixProgress progress;
  while (!progress.end) {
    CO_TRY_ASSIGN(progress, co_await store_.Read(ctx, [&](KeyValueStore& store) {
      return store.CountPage(request.prefix(), progress.cursor, kCountVisits, ctx.now);
    }));
    count += progress.keys;
    CO_TRY(models::CheckWanted(ctx));
    if (!progress.end) co_await Yield();
  }
  response.set_count(static_cast<std::int64_t>(count));
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::DeletePrefix(Context& ctx,
                                                      const DeletePrefixRequest& request,
                                                      DeletePrefixResponse& response) {
  CO_TRY(models::CheckPrefix(request.prefix()));
  if (request.prefix().empty()) co_return std::unexpected(models::PrefixMissing());
  CO_TRY(models::CheckRequestId(request.request_id()));
  const models::RequestIdentity identified = {"keyvalue_scan.delete_prefix", request.request_id(),
                                              request};
  const auto identity = identified.InStore(ctx, store_.limits().dedup_window_ms());

  DeleteStep step;
  while (!step.progress.end) {
    CO_TRY(models::CheckWanted(ctx));
    const std::string cursor = std::move(step.progress.cursor);
    const std::uint64_t before = step.total;
    CO_TRY_ASSIGN(
        step,
        co_await store_.Write(
            ctx, [&](KeyValueStore& store, DedupStore& dedup) -> Result<DeleteStep> {
              if (identity) {
                return DeletePageOnce(store, dedup, *identity, request.prefix(), cursor, ctx.now);
              }
              DeleteStep next;
              TRY_ASSIGN(next.progress,
                         store.DeletePrefixPage(request.prefix(), cursor, kDeleteVisits, ctx.now));
              next.total = before + next.progress.keys;
              return next;
            }));
    if (!step.progress.end) co_await Yield();
  }
  response.set_deleted(static_cast<std::int64_t>(step.total));
  ctx.durability = store_.durability();
  co_return Status();
}

}  // namespace prism::engine
