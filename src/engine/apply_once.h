// Writes that are done once for each request id.
#pragma once

#include <google/protobuf/message.h>

#include <array>
#include <string>
#include <utility>

#include "contract/call_context.h"
#include "engine/digest.h"
#include "engine/errors.h"
#include "engine/store.h"
#include "runtime/task.h"

namespace prism::engine {

// What makes two writes the same: the id in its scope, and the payload.
struct RequestIdentity {
  std::string_view method;      // label of the method
  std::string_view request_id;  // empty: no identity, the write is just done
  const google::protobuf::Message& request;

  // Principal + method + id; the namespace is the store itself.
  Digest Id(const contract::CallContext& ctx) const;
  Digest Payload() const;
};

// The answer of an earlier write with the same identity; nothing when this is the first one.
// Between Enter and Leave. INVALID_ARGUMENT/REQUEST_ID_REUSED when the payload was another.
Result<std::optional<base::Buffer>> FindAnswer(DedupStore& dedup, const Digest& id,
                                               const Digest& payload, WallMillis now);

Status ReadAnswer(const base::Buffer& bytes, google::protobuf::Message& response);

// Runs `apply(store)`, a Result, as one write and turns its outcome into the response with
// `fill(outcome, response)`, a Status. With a request id this happens at most once in the dedup
// window: later calls with the same id get the first response. Errors are not remembered. `apply`
// and `fill` run on the store's thread, perhaps more than once; they must not suspend or touch the
// call. What they refer to, and `response`, belongs to the call and outlives this.
template <class S, class Response, class Apply, class Fill>
runtime::Task<Status> ApplyOnce(StoreHandle<S> store, contract::CallContext& ctx,
                                RequestIdentity identity, Response& response, Apply apply,
                                Fill fill) {
  if (identity.request_id.empty()) {
    CO_TRY_ASSIGN(auto outcome, co_await store.Write(ctx, [&](S& s) { return apply(s); }));
    ctx.durability = store.durability();
    co_return fill(outcome, response);
  }
  const Digest id = identity.Id(ctx);
  const Digest payload = identity.Payload();
  const WallMillis now = ctx.now;
  const WallMillis expires_at = now + store.limits().dedup_window_ms();
  CO_TRY_ASSIGN(const base::Buffer answer,
                co_await store.Write(ctx, [&](S& s, DedupStore& dedup) -> Result<base::Buffer> {
                  const DedupStore::Section section(dedup, id);
                  TRY_ASSIGN(auto remembered, FindAnswer(dedup, id, payload, now));
                  if (remembered) return *std::move(remembered);
                  TRY_ASSIGN(auto outcome, apply(s));
                  Response made;
                  TRY(fill(outcome, made));
                  const std::string bytes = made.SerializeAsString();
                  TRY(dedup.Remember(id, payload, bytes, expires_at));
                  return base::Buffer::Copy(bytes);
                }));
  ctx.durability = store.durability();
  co_return ReadAnswer(answer, response);
}

}  // namespace prism::engine
