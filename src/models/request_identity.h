// What makes two writes the same, so that a repeated one is answered and not done again.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "contract/call_context.h"
#include "models/digest.h"

namespace prism::models {

// What a store keeps of a write, in the same atomic unit as the write itself. A later write with
// the same id gets the first one's answer, or REQUEST_ID_REUSED (errors.h) when its payload is
// another.
struct WriteIdentity {
  Digest id;                  // principal + method + request id; the namespace is the store itself
  Digest payload;             // of the whole request
  WallMillis expires_at = 0;  // the id is free again from this millisecond on
};

// One request's identity; the views are the call's.
struct RequestIdentity {
  std::string_view method;      // label of the method
  std::string_view request_id;  // empty: no identity, the write is just done
  const google::protobuf::Message& request;

  // Nothing without a request id. `window_ms` is the namespace's dedup_window.
  std::optional<WriteIdentity> InStore(const contract::CallContext& ctx,
                                       std::int64_t window_ms) const {
    if (request_id.empty()) return std::nullopt;
    return Make(ctx, window_ms);
  }

 private:
  WriteIdentity Make(const contract::CallContext& ctx, std::int64_t window_ms) const;
};

// A remembered answer into the response. DATA_LOSS/RECORD_DAMAGED when it is no such message.
Status ReadAnswer(std::string_view bytes, google::protobuf::Message& response);

}  // namespace prism::models
