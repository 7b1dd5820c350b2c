// KeyValueBatch: many keys, each with its own outcome. A batch is one piece of work for the store.
#include <fmt/format.h>

#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

void FillItemStatus(const Error& error, ItemStatus& to) {
  to.set_code(static_cast<std::int32_t>(error.code()));
  to.set_reason(std::string(error.reason()));
  to.set_message(error.message());
}

// A checked item of a BatchSet, ready for the store.
struct PreparedWrite {
  std::string tags;
  WallMillis expires_at = kNeverExpires;
};

Result<PreparedWrite> Prepare(const BatchSetRequest::Item& item, std::uint64_t max_value_bytes,
                              WallMillis now) {
  TRY(models::CheckKey(item.key()));
  TRY(models::CheckValue(item.value(), max_value_bytes));
  TRY(models::CheckTags(item.tags()));
  TRY_ASSIGN(const WallMillis expires_at, models::ExpiryOf(item, now));
  return PreparedWrite{.tags = models::EncodeTags(item.tags()), .expires_at = expires_at};
}

std::vector<Result<Version>> SetItems(KeyValueStore& store, const BatchSetRequest& request,
                                      const std::vector<Result<PreparedWrite>>& prepared,
                                      WallMillis now) {
  std::vector<Result<Version>> outcomes;
  outcomes.reserve(prepared.size());
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (!prepared[i]) {
      outcomes.emplace_back(std::unexpected(prepared[i].error()));
      continue;
    }
    const BatchSetRequest::Item& item = request.items(static_cast<int>(i));
    outcomes.push_back(store.Set(
        item.key(),
        {.value = item.value(), .tags = prepared[i]->tags, .expires_at = prepared[i]->expires_at},
        now));
  }
  return outcomes;
}

using Found = Result<std::optional<KeyValueRecord>>;

// Stops as soon as the answer would be too large to send, so that a batch never holds more than
// that.
Result<std::vector<Found>> GetItems(KeyValueStore& store, const BatchGetRequest& request,
                                    std::size_t max_bytes, WallMillis now) {
  constexpr std::size_t kItemBytes = 64;  // fields of an item beyond key, value and tags
  std::vector<Found> found;
  found.reserve(static_cast<std::size_t>(request.keys_size()));
  std::size_t bytes = 0;
  for (const std::string& key : request.keys()) {
    if (const Status checked = models::CheckKey(key); !checked) {
      found.emplace_back(std::unexpected(checked.error()));
      continue;
    }
    found.push_back(store.Get(key, now));
    bytes += kItemBytes + key.size();
    if (found.back() && *found.back())
      bytes += (**found.back()).value.size() + (**found.back()).tags.size();
    if (bytes > max_bytes) {
      return std::unexpected(
          Error(
              Code::kResourceExhausted, "RESPONSE_TOO_LARGE",
              fmt::format(
                  "The answer would be larger than {} bytes. Ask for fewer keys at once, or stream "
                  "them with KeyValueScan.Scan.",
                  max_bytes))
              .With("streaming_method", "prism.keyvalue.v1.KeyValueScan/Scan"));
    }
  }
  return found;
}

}  // namespace

LocalKeyValue::StatusTask LocalKeyValue::BatchSet(Context& ctx, const BatchSetRequest& request,
                                                  BatchSetResponse& response) {
  CO_TRY(models::CheckBatch("items", request.items_size()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  std::vector<Result<PreparedWrite>> prepared;
  prepared.reserve(static_cast<std::size_t>(request.items_size()));
  for (const auto& item : request.items())
    prepared.push_back(Prepare(item, max_value_bytes(), ctx.now));

  using Outcomes = std::vector<Result<Version>>;
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_batch.batch_set", request.request_id(), request}, response,
      [&](KeyValueStore& store) -> Result<Outcomes> {
        return SetItems(store, request, prepared, ctx.now);
      },
      [](const Outcomes& outcomes, BatchSetResponse& to) -> Status {
        for (const auto& outcome : outcomes) {
          BatchSetResponse::Item& item = *to.add_items();
          ItemStatus& status = *item.mutable_status();
          if (outcome) {
            item.mutable_version()->assign(models::VersionText(*outcome).view());
          } else {
            FillItemStatus(outcome.error(), status);
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
    BatchGetResponse::Item& item = *response.add_items();
    ItemStatus& status = *item.mutable_status();
    if (!found[i]) {
      FillItemStatus(found[i].error(), status);
    } else if (*found[i]) {
      item.set_found(true);
      item.mutable_entry()->set_key(request.keys(static_cast<int>(i)));
      if (const Status filled = FillRecord(**found[i], *item.mutable_entry()); !filled) {
        FillItemStatus(filled.error(), status);
      }
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
          BatchDeleteResponse::Item& item = *to.add_items();
          ItemStatus& status = *item.mutable_status();
          if (outcome) {
            item.set_existed(*outcome);
          } else {
            FillItemStatus(outcome.error(), status);
          }
        }
        return {};
      });
}

}  // namespace prism::engine
