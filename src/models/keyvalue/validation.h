// The rules of keyvalue.proto for single fields: each with its reason code, all in the table in
// validation.cc.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/map.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "models/keyvalue/record.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::size_t kMaxBatchItems = 1000;
inline constexpr std::size_t kMaxRequestIdBytes = 128;
inline constexpr std::size_t kMaxTags = 16;
inline constexpr std::size_t kMaxTagKeyBytes = 128;
inline constexpr std::size_t kMaxTagValueBytes = 256;

using TagMap = google::protobuf::Map<std::string, std::string>;

Status CheckKey(std::string_view key);
Status CheckPrefix(std::string_view prefix);
Status CheckValue(std::string_view value, std::uint64_t max_bytes);
Status CheckTags(const TagMap& tags);
Status CheckLimit(std::int64_t limit);
Status CheckRequestId(std::string_view id);
Status CheckTransaction(std::string_view handle);
Status CheckBatch(std::string_view field, int items);

// A time to live in milliseconds, rounded up; > 0 and so that now + ttl is a valid Timestamp.
Result<std::int64_t> TtlMillis(const google::protobuf::Duration& ttl, WallMillis now);
// The optional ttl of a write as an absolute expiry; kNeverExpires when it is unset.
template <class Request>
Result<WallMillis> ExpiryOf(const Request& request, WallMillis now) {
  if (!request.has_ttl()) return kNeverExpires;
  TRY_ASSIGN(const std::int64_t ttl, TtlMillis(request.ttl(), now));
  return now + ttl;
}
Error TtlMissing();
Error PrefixMissing();

// Timeout of a transaction in milliseconds: 10 s when unset, at most 60 s.
Result<std::int64_t> TransactionTimeout(const keyvalue::v1::BeginTransactionRequest& request);

// Views into the message. A version that no store gave is an expectation that never holds, not an
// error.
Result<CheckedExpectation> ReadExpectation(const keyvalue::v1::Expectation& expect);

}  // namespace prism::models
