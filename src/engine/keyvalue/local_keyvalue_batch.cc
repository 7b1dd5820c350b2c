// KeyValueBatch: many keys, each with its own outcome. A batch is one piece of work for the store.
#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/batch.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

std::vector<Result<Version>> SetItems(KeyValueStore& store, const BatchSetRequest& request,
                                      const std::vector<Result<models::PreparedWrite>>& prepared,
                                      WallMillis now) {
  std::vector<Result<Version>> outcomes;
  outcomes.reserve(prepared.size());
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (!prepared[i]) {
      outcomes.emplace_back(std::unexpected(prepared[i].error()));
      continue;
    }
    const BatchSetRequest::Item& item = request.items(static_cast<int>(i));
    outcomes.push_back(store.Set(item.key(), prepared[i]->WriteOf(item), now));
  }
  return outcomes;
}

using Found = Result<std::optional<KeyValueRecord>>;

// Stops as soon as the answer would be too large to send, so that a batch never holds more than
// that.
Result<std::vector<Found>> GetItems(KeyValueStore& store, const BatchGetRequest& request,
                                    std::size_t max_bytes, WallMillis now) {
  models::ResponseRoom room(max_bytes);
  std::vector<Found> found;
  found.reserve(static_cast<std::size_t>(request.keys_size()));
  for (const std::string& key : request.keys()) {
    if (const Status checked = models::CheckKey(key); !checked) {
      found.emplace_back(std::unexpected(checked.error()));
      continue;
    }
    found.push_back(store.Get(key, now));
    const bool is_there = found.back() && *found.back();
    TRY(room.Add(key, is_there ? (**found.back()).value.size() + (**found.back()).tags.size() : 0));
  }
  return found;
}

}  // namespace

LocalKeyValue::StatusTask LocalKeyValue::BatchSet(Context& ctx, const BatchSetRequest& request,
                                                  BatchSetResponse& response) {
  CO_TRY(models::CheckBatch("items", request.items_size()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  const auto prepared = models::PrepareWrites(request, max_value_bytes(), ctx.now);

  using Outcomes = std::vector<Result<Version>>;
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_batch.batch_set", request.request_id(), request}, response,
      [&](KeyValueStore& store) -> Result<Outcomes> {
        return SetItems(store, request, prepared, ctx.now);
      },
      [](const Outcomes& outcomes, BatchSetResponse& to) -> Status {
        for (const auto& outcome : outcomes) {
          if (outcome) {
            models::AddWritten(models::VersionText(*outcome).view(), to);
          } else {
            models::AddFailed(outcome.error(), to);
          }
        }
        return {};
      });
}

LocalKeyValue::StatusTask LocalKeyValue::BatchGet(Context& ctx, const BatchGetRequest& request,
                                                  BatchGetResponse& response) {
  CO_TRY(models::CheckBatch("keys", request.keys_size()));
  const std::size_t max_bytes = engine_.options().max_response_bytes;
  CO_TRY_ASSIGN(const auto found, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return GetItems(store, request, max_bytes, ctx.now);
  }));
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) {
      models::AddFailed(found[i].error(), response);
    } else if (*found[i]) {
      const KeyValueRecord& record = **found[i];
      models::AddFound(request.keys(static_cast<int>(i)),
                       ViewOf(record, models::VersionText(record.version)), response);
    } else {
      models::AddAbsent(response);
    }
  }
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::BatchDelete(Context& ctx,
                                                     const BatchDeleteRequest& request,
                                                     BatchDeleteResponse& response) {
  CO_TRY(models::CheckBatch("keys", request.keys_size()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  using Outcomes = std::vector<Result<bool>>;
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_batch.batch_delete", request.request_id(), request}, response,
      [&](KeyValueStore& store) -> Result<Outcomes> {
        Outcomes outcomes;
        for (const std::string& key : request.keys()) {
          const Status checked = models::CheckKey(key);
          outcomes.push_back(checked ? store.Delete(key, ctx.now)
                                     : Result<bool>(std::unexpected(checked.error())));
        }
        return outcomes;
      },
      [](const Outcomes& outcomes, BatchDeleteResponse& to) -> Status {
        for (const auto& outcome : outcomes) {
          if (outcome) {
            models::AddDeleted(*outcome, to);
          } else {
            models::AddFailed(outcome.error(), to);
          }
        }
        return {};
      });
}

}  // namespace prism::engine
