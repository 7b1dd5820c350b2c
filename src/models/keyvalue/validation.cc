#include "models/keyvalue/validation.h"

#include <fmt/format.h>

#include <cstring>

#include "base/utf8.h"

namespace prism::models {
namespace {

// One way in which a field can be wrong. Reasons are stable: clients compare them.
struct Rule {
  std::string_view reason;
  std::string_view field;
  std::string_view advice;
  Code code = Code::kInvalidArgument;
};

constexpr Rule kKeyEmpty = {"KEY_EMPTY", "key", "is empty; a key has 1 to 1024 bytes"};
constexpr Rule kKeyTooLong = {"KEY_TOO_LONG", "key", "is too long; a key has 1 to 1024 bytes"};
constexpr Rule kKeyHasNul = {"KEY_HAS_NUL", "key", "has a NUL character; any other is allowed"};
constexpr Rule kKeyNotUtf8 = {
    "KEY_NOT_UTF8", "key", "is not valid UTF-8; encode binary keys, for instance as hexadecimal"};
constexpr Rule kPrefixTooLong = {"PREFIX_TOO_LONG", "prefix",
                                 "is longer than any key can be; use at most 1024 bytes"};
constexpr Rule kPrefixHasNul = {"PREFIX_HAS_NUL", "prefix",
                                "has a NUL character, which no key has"};
constexpr Rule kPrefixNotUtf8 = {"PREFIX_NOT_UTF8", "prefix",
                                 "is not valid UTF-8, which every key is"};
constexpr Rule kPrefixRequired = {"PREFIX_REQUIRED", "prefix",
                                  "is empty, which would remove every key; name a prefix"};
constexpr Rule kTtlMissing = {"TTL_REQUIRED", "ttl", "is missing; use Persist to remove an expiry"};
constexpr Rule kTtlInvalid = {
    "TTL_INVALID", "ttl",
    "is no valid Duration; seconds and nanos must have the same sign and be in range"};
constexpr Rule kTtlNotPositive = {
    "TTL_NOT_POSITIVE", "ttl", "must be more than 0; leave it out for a key that does not expire"};
constexpr Rule kTtlTooLarge = {
    "TTL_TOO_LARGE", "ttl",
    "would end after the year 9999; leave it out for a key that does not expire"};
constexpr Rule kTagsTooMany = {"TAGS_TOO_MANY", "tags",
                               "has too many pairs; at most 16 are allowed"};
constexpr Rule kTagKeySize = {"TAG_KEY_SIZE", "tags",
                              "has a tag whose key is not 1 to 128 bytes long"};
constexpr Rule kTagValueSize = {"TAG_VALUE_SIZE", "tags",
                                "has a tag whose value is longer than 256 bytes"};
constexpr Rule kLimitNegative = {"LIMIT_NEGATIVE", "limit", "is negative; 0 means no limit"};
constexpr Rule kRequestIdTooLong = {"REQUEST_ID_TOO_LONG", "request_id",
                                    "is too long; use at most 128 bytes, a UUID for instance"};
constexpr Rule kExpectationMissing = {"EXPECTATION_MISSING", "expect",
                                      "is missing; set exactly one of absent, value, version"};
constexpr Rule kAbsentFalse = {"EXPECTATION_ABSENT_FALSE", "expect.absent",
                               "must be true when it is set; expect a version or a value instead"};
constexpr Rule kVersionEmpty = {"EXPECTATION_VERSION_EMPTY", "expect.version",
                                "is empty; set absent to expect that the key is not there"};
constexpr Rule kTransactionMissing = {"TRANSACTION_REQUIRED", "transaction",
                                      "is empty; name the handle that BeginTransaction answered"};
constexpr Rule kTimeoutOutOfRange = {"TIMEOUT_OUT_OF_RANGE", "timeout",
                                     "must be a valid Duration, more than 0 and at most 60 s"};

constexpr std::int64_t kMaxTimestampMillis = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
constexpr std::int64_t kMaxDurationSeconds = 315'576'000'000;      // google/protobuf/duration.proto
constexpr std::int64_t kDefaultTimeoutMillis = 10'000;
constexpr std::int64_t kMaxTimeoutMillis = 60'000;

std::unexpected<Error> Broken(const Rule& rule) {
  return std::unexpected(
      InvalidField(rule.reason, std::string(rule.field), std::string(rule.advice)));
}

bool HasNul(std::string_view text) { return std::memchr(text.data(), 0, text.size()) != nullptr; }

// Milliseconds, rounded up, so that the shortest positive time is 1 ms. Nothing when it is no valid
// Duration.
std::optional<std::int64_t> MillisOf(const google::protobuf::Duration& duration) {
  const std::int64_t seconds = duration.seconds();
  const std::int32_t nanos = duration.nanos();
  if (seconds > kMaxDurationSeconds || seconds < -kMaxDurationSeconds) return std::nullopt;
  if (nanos > 999'999'999 || nanos < -999'999'999) return std::nullopt;
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return std::nullopt;
  const std::int64_t up = nanos > 0 ? 999'999 : 0;
  return seconds * 1000 + (nanos + up) / 1'000'000;
}

}  // namespace

Status CheckKey(std::string_view key) {
  if (key.empty()) return Broken(kKeyEmpty);
  if (key.size() > kMaxKeyBytes) return Broken(kKeyTooLong);
  if (HasNul(key)) return Broken(kKeyHasNul);
  if (!base::IsValidUtf8(key)) return Broken(kKeyNotUtf8);
  return {};
}

Status CheckPrefix(std::string_view prefix) {
  if (prefix.empty()) return {};
  if (prefix.size() > kMaxKeyBytes) return Broken(kPrefixTooLong);
  if (HasNul(prefix)) return Broken(kPrefixHasNul);
  if (!base::IsValidUtf8(prefix)) return Broken(kPrefixNotUtf8);
  return {};
}

Status CheckValue(std::string_view value, std::uint64_t max_bytes) {
  if (value.size() <= max_bytes) return {};
  return std::unexpected(
      Error(Code::kResourceExhausted, "VALUE_TOO_LARGE",
            fmt::format(
                "value: has {} bytes, the namespace allows {}; split it or raise max_value_bytes",
                value.size(), max_bytes))
          .WithField("value", fmt::format("is larger than {} bytes", max_bytes))
          .With("limit", std::to_string(max_bytes)));
}

Status CheckTags(const TagMap& tags) {
  if (tags.size() > kMaxTags) return Broken(kTagsTooMany);
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > kMaxTagKeyBytes) return Broken(kTagKeySize);
    if (value.size() > kMaxTagValueBytes) return Broken(kTagValueSize);
  }
  return {};
}

Status CheckLimit(std::int64_t limit) {
  if (limit < 0) return Broken(kLimitNegative);
  return {};
}

Status CheckRequestId(std::string_view id) {
  if (id.size() > kMaxRequestIdBytes) return Broken(kRequestIdTooLong);
  return {};
}

Status CheckTransaction(std::string_view handle) {
  if (handle.empty()) return Broken(kTransactionMissing);
  return {};
}

Status CheckBatch(std::string_view field, int items) {
  if (items >= 1 && static_cast<std::size_t>(items) <= kMaxBatchItems) return {};
  return std::unexpected(
      InvalidField(items == 0 ? "BATCH_EMPTY" : "BATCH_TOO_LARGE", std::string(field),
                   fmt::format("has {} items; a batch has 1 to {}", items, kMaxBatchItems)));
}

Result<std::int64_t> TtlMillis(const google::protobuf::Duration& ttl, WallMillis now) {
  const auto millis = MillisOf(ttl);
  if (!millis) return Broken(kTtlInvalid);
  if (*millis <= 0) return Broken(kTtlNotPositive);
  if (*millis > kMaxTimestampMillis - now) return Broken(kTtlTooLarge);
  return *millis;
}

Error TtlMissing() { return Broken(kTtlMissing).error(); }
Error PrefixMissing() { return Broken(kPrefixRequired).error(); }

Result<std::int64_t> TransactionTimeout(const keyvalue::v1::BeginTransactionRequest& request) {
  if (!request.has_timeout()) return kDefaultTimeoutMillis;
  const auto millis = MillisOf(request.timeout());
  if (!millis || *millis <= 0 || *millis > kMaxTimeoutMillis) return Broken(kTimeoutOutOfRange);
  return *millis;
}

Result<CheckedExpectation> ReadExpectation(const keyvalue::v1::Expectation& expect) {
  using Kind = CheckedExpectation::Kind;
  switch (expect.expect_case()) {
    case keyvalue::v1::Expectation::kAbsent:
      if (!expect.absent()) return Broken(kAbsentFalse);
      return CheckedExpectation{.kind = Kind::kAbsent};
    case keyvalue::v1::Expectation::kValue:
      return CheckedExpectation{.kind = Kind::kValue, .value = expect.value()};
    case keyvalue::v1::Expectation::kVersion:
      if (expect.version().empty()) return Broken(kVersionEmpty);
      return CheckedExpectation{.kind = Kind::kVersion, .version = expect.version()};
    case keyvalue::v1::Expectation::EXPECT_NOT_SET:
      break;
  }
  return Broken(kExpectationMissing);
}

}  // namespace prism::models
