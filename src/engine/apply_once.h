// Writes that are done once for each request id.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "contract/call_context.h"
#include "engine/store.h"
#include "models/request_identity.h"
#include "runtime/task.h"

namespace prism::engine {

// The answer of an earlier write with the same identity; nothing when this is the first one.
// Between Enter and Leave. INVALID_ARGUMENT/REQUEST_ID_REUSED when the payload was another.
Result<std::optional<base::Buffer>> FindAnswer(DedupStore& dedup,
                                               const models::WriteIdentity& identity,
                                               WallMillis now);

// Runs `apply(store)`, a Result, as one write and turns its outcome into the response with
// `fill(outcome, response)`, a Status. With a request id this happens at most once in the dedup
// window: later calls with the same id get the first response. Errors are not remembered. `apply`
// and `fill` run on the store's thread, perhaps more than once; they must not suspend or touch the
// call. What they refer to, and `response`, belongs to the call and outlives this.
template <class S, class Response, class Apply, class Fill>
runtime::Task<Status> ApplyOnce(StoreHandle<S> store, contract::CallContext& ctx,
                                models::RequestIdentity request, Response& response, Apply apply,
                                Fill fill) {
  const auto identity = request.InStore(ctx, store.limits().dedup_window_ms());
  if (!identity) {
    CO_TRY_ASSIGN(auto outcome, co_await store.Write(ctx, [&](S& s) { return apply(s); }));
    ctx.durability = store.durability();
    co_return fill(outcome, response);
  }
  const WallMillis now = ctx.now;
  CO_TRY_ASSIGN(const base::Buffer answer,
                co_await store.Write(ctx, [&](S& s, DedupStore& dedup) -> Result<base::Buffer> {
                  const DedupStore::Section section(dedup, identity->id);
                  TRY_ASSIGN(auto remembered, FindAnswer(dedup, *identity, now));
                  if (remembered) return *std::move(remembered);
                  TRY_ASSIGN(auto outcome, apply(s));
                  Response made;
                  TRY(fill(outcome, made));
                  const std::string bytes = made.SerializeAsString();
                  TRY(dedup.Remember(identity->id, identity->payload, bytes, identity->expires_at));
                  return base::Buffer::Copy(bytes);
                }));
  ctx.durability = store.durability();
  co_return models::ReadAnswer(answer.view(), response);
}

}  // namespace prism::engine
