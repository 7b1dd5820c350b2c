// KeyValueScan: many keys by prefix, a page at a time; no lock and no read transaction outlives a
// page.
#include <algorithm>
#include <limits>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "engine/yield.h"
#include "models/keyvalue/validation.h"
#include "models/wanted.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

constexpr std::size_t kCheckpointEvery = 1000;
constexpr std::size_t kPageEntries = 250;
constexpr std::size_t kPageBytes = 1u << 20;
// Keys that Count and DeletePrefix look at before other work gets its turn.
constexpr std::size_t kCountVisits = 4096;
constexpr std::size_t kDeleteVisits = 1000;

Status FillEntry(ScannedEntry& entry, ScanResponse& to) {
  Entry& filled = *to.mutable_entry();
  filled.Clear();
  filled.set_key(std::move(entry.key));
  return FillRecord(entry.record, filled);
}

Status FillEntry(ScannedEntry& entry, ScanKeysResponse& to) {
  to.set_key(std::move(entry.key));
  return {};
}

// The state of a DeletePrefix with a request id is kept as its answer, so that a repetition goes on
// where the first attempt was broken off, and both report every removed key: one byte, then a
// DeletePrefixResponse.
constexpr char kDeleting = 'P';
constexpr char kDeleted = 'D';

struct DeleteStep {
  std::uint64_t total = 0;
  PrefixProgress progress;
};

Result<DeleteStep> DeletePageOnce(KeyValueStore& store, DedupStore& dedup,
                                  const models::WriteIdentity& identity, std::string_view prefix,
                                  std::string_view cursor, WallMillis now) {
  const DedupStore::Section section(dedup, identity.id);
  TRY_ASSIGN(const auto remembered, FindAnswer(dedup, identity, now));
  DeletePrefixResponse answer;
  if (remembered && !remembered->empty()) {
    const std::string_view bytes = remembered->view();
    TRY(models::ReadAnswer(bytes.substr(1), answer));
    if (bytes.front() == kDeleted) {
      return DeleteStep{.total = static_cast<std::uint64_t>(answer.deleted()),
                        .progress = {.end = true, .cursor = {}}};
    }
  }
  DeleteStep step;
  TRY_ASSIGN(step.progress, store.DeletePrefixPage(prefix, cursor, kDeleteVisits, now));
  step.total = static_cast<std::uint64_t>(answer.deleted()) + step.progress.keys;
  answer.set_deleted(static_cast<std::int64_t>(step.total));
  const std::string state(1, step.progress.end ? kDeleted : kDeleting);
  TRY(dedup.Remember(identity.id, identity.payload, state + answer.SerializeAsString(),
                     identity.expires_at));
  return step;
}

}  // namespace

// A checked request of Scan or ScanKeys.
struct LocalKeyValue::StreamPlan {
  models::TokenScope scope;
  std::string position;  // continues behind this key
  std::uint64_t left = 0;
  bool keys_only = false;

  template <class Request>
  static Result<StreamPlan> From(const Request& request, std::string_view ns,
                                 std::string_view method, const models::TokenKey& key) {
    TRY(models::CheckPrefix(request.prefix()));
    TRY(models::CheckLimit(request.limit()));
    StreamPlan plan;
    plan.scope = {.ns = ns, .method = method, .query = request.prefix()};
    plan.left = request.limit() == 0 ? std::numeric_limits<std::uint64_t>::max()
                                     : static_cast<std::uint64_t>(request.limit());
    if (!request.page_token().empty()) {
      TRY_ASSIGN(plan.position, models::ReadPageToken(key, plan.scope, request.page_token()));
    }
    return plan;
  }
};

template <class Response>
LocalKeyValue::StatusTask LocalKeyValue::StreamScan(Context& ctx, StreamPlan plan,
                                                    Sink<Response> sink) {
  const models::TokenKey& key = token_key();
  Response message;
  std::size_t since_checkpoint = 0;
  while (true) {
    const std::uint64_t room =
        std::min<std::uint64_t>(kPageEntries, kCheckpointEvery - since_checkpoint);
    const ScanQuery query = {.prefix = plan.scope.query,
                             .after = plan.position,
                             .max_entries = static_cast<std::size_t>(std::min(room, plan.left)),
                             .max_bytes = kPageBytes,
                             .keys_only = plan.keys_only};
    const WallMillis now = std::max(ctx.now, engine_.clock().Now());
    CO_TRY_ASSIGN(ScanPage page, co_await store_.Read(ctx, [&](KeyValueStore& store) {
      return store.Scan(query, now);
    }));
    for (ScannedEntry& entry : page.entries) {
      CO_TRY(FillEntry(entry, message));
      CO_TRY(co_await sink.Write(message));
    }
    plan.left -= page.entries.size();
    since_checkpoint += page.entries.size();
    plan.position = std::move(page.resume);
    const bool last = page.end || plan.left == 0;
    if (last || since_checkpoint >= kCheckpointEvery) {
      since_checkpoint = 0;
      std::string token =
          page.end ? std::string() : models::MakePageToken(key, plan.scope, plan.position);
      message.mutable_checkpoint()->set_page_token(std::move(token));
      CO_TRY(co_await sink.Write(message));
    }
    if (last) co_return Status();
    co_await Yield();
    // A page of nothing but expired keys writes nothing, so the sink can't be the one to notice.
    CO_TRY(models::CheckWanted(ctx));
  }
}

LocalKeyValue::StatusTask LocalKeyValue::Scan(Context& ctx, const ScanRequest& request,
                                              Sink<ScanResponse> sink) {
  CO_TRY_ASSIGN(StreamPlan plan, StreamPlan::From(request, ns_, "keyvalue_scan.scan", token_key()));
  plan.keys_only = request.keys_only();
  co_return co_await StreamScan(ctx, std::move(plan), sink);
}

LocalKeyValue::StatusTask LocalKeyValue::ScanKeys(Context& ctx, const ScanKeysRequest& request,
                                                  Sink<ScanKeysResponse> sink) {
  CO_TRY_ASSIGN(StreamPlan plan,
                StreamPlan::From(request, ns_, "keyvalue_scan.scan_keys", token_key()));
  plan.keys_only = true;
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
