// KeyValueBasic and KeyValueTtl: single keys.
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/answers.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

const Model kKeyValueModel = {
    .id = "keyvalue",
    .interfaces = LocalKeyValue::kInterfaces,
    .serve = [](const ModelContext& context) -> std::unique_ptr<ModelService> {
      return std::make_unique<LocalKeyValue>(context);
    },
};

LocalKeyValue::LocalKeyValue(const ModelContext& context)
    : engine_(context.engine),
      store_(context.store, context.slot),
      ns_(context.ns),
      transactions_(context.engine.budget(), context.engine.options().max_transactions,
                    context.engine.instance()) {}

LocalKeyValue::StatusTask LocalKeyValue::Get(Context& ctx, const GetRequest& request,
                                             GetResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY_ASSIGN(const auto found, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return store.Get(request.key(), ctx.now);
  }));
  if (!found) co_return Status();
  response.set_found(true);
  co_return FillRecord(*found, response);
}

LocalKeyValue::StatusTask LocalKeyValue::Exists(Context& ctx, const ExistsRequest& request,
                                                ExistsResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY_ASSIGN(const bool exists, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return store.Exists(request.key(), ctx.now);
  }));
  response.set_exists(exists);
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::Set(Context& ctx, const SetRequest& request,
                                             SetResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckValue(request.value(), max_value_bytes()));
  CO_TRY(models::CheckTags(request.tags()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  CO_TRY_ASSIGN(const WallMillis expires_at, models::ExpiryOf(request, ctx.now));
  const std::string tags = models::EncodeTags(request.tags());
  const KeyValueWrite write = {.value = request.value(), .tags = tags, .expires_at = expires_at};

  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_basic.set", request.request_id(), request}, response,
      [&](KeyValueStore& store) { return store.Set(request.key(), write, ctx.now); },
      [](Version version, SetResponse& to) -> Status {
        to.mutable_version()->assign(models::VersionText(version).view());
        return {};
      });
}

LocalKeyValue::StatusTask LocalKeyValue::Delete(Context& ctx, const DeleteRequest& request,
                                                DeleteResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_basic.delete", request.request_id(), request}, response,
      [&](KeyValueStore& store) { return store.Delete(request.key(), ctx.now); },
      [](bool existed, DeleteResponse& to) -> Status {
        to.set_existed(existed);
        return {};
      });
}

LocalKeyValue::StatusTask LocalKeyValue::Expire(Context& ctx, const ExpireRequest& request,
                                                ExpireResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  if (!request.has_ttl()) co_return std::unexpected(models::TtlMissing());
  CO_TRY_ASSIGN(const std::int64_t ttl, models::TtlMillis(request.ttl(), ctx.now));
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_ttl.expire", request.request_id(), request}, response,
      [&](KeyValueStore& store) { return store.Expire(request.key(), ctx.now + ttl, ctx.now); },
      [](bool existed, ExpireResponse& to) -> Status {
        to.set_existed(existed);
        return {};
      });
}

LocalKeyValue::StatusTask LocalKeyValue::GetTTL(Context& ctx, const GetTTLRequest& request,
                                                GetTTLResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY_ASSIGN(const auto found, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return store.GetMeta(request.key(), ctx.now);
  }));
  const auto expires_at = found ? std::optional(found->expires_at) : std::nullopt;
  models::FillTtl(expires_at, ctx.now, response);
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::Persist(Context& ctx, const PersistRequest& request,
                                                 PersistResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_ttl.persist", request.request_id(), request}, response,
      [&](KeyValueStore& store) { return store.Persist(request.key(), ctx.now); },
      [](bool removed, PersistResponse& to) -> Status {
        to.set_removed(removed);
        return {};
      });
}

}  // namespace prism::engine
