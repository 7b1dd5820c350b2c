#include "models/keyvalue/answers.h"

#include "models/keyvalue/record_fields.h"

namespace prism::models {
namespace {

template <class Response>
Status FillCurrent(const SwapView& outcome, const std::string& key, Response& to) {
  if (!outcome.current) return {};
  to.mutable_current()->set_key(key);
  return FillRecord(*outcome.current, *to.mutable_current());
}

}  // namespace

void FillTtl(std::optional<WallMillis> expires_at, WallMillis now,
             keyvalue::v1::GetTTLResponse& to) {
  using keyvalue::v1::GetTTLResponse;
  if (!expires_at) {
    to.set_state(GetTTLResponse::MISSING);
  } else if (*expires_at == kNeverExpires) {
    to.set_state(GetTTLResponse::PERSISTENT);
  } else {
    to.set_state(GetTTLResponse::EXPIRING);
    SetDuration(*expires_at - now, *to.mutable_ttl());
  }
}

Status FillSwap(const SwapView& outcome, const std::string& key,
                keyvalue::v1::CompareAndSwapResponse& to) {
  to.set_swapped(outcome.done);
  if (!outcome.version.empty()) to.mutable_version()->assign(outcome.version);
  return FillCurrent(outcome, key, to);
}

Status FillDelete(const SwapView& outcome, const std::string& key,
                  keyvalue::v1::CompareAndDeleteResponse& to) {
  to.set_deleted(outcome.done);
  return FillCurrent(outcome, key, to);
}

void FillIncrement(std::int64_t value, std::string_view version,
                   keyvalue::v1::IncrementResponse& to) {
  to.set_value(value);
  to.mutable_version()->assign(version);
}

Error NotAnIntegerError() {
  return Error(Code::kFailedPrecondition, "NOT_AN_INTEGER",
               "The value is no decimal integer of 64 bits, so nothing can be added to "
               "it. Set it to one first.");
}

Error IntegerOverflowError() {
  return Error(Code::kOutOfRange, "INTEGER_OVERFLOW",
               "The sum does not fit 64 bits; the value stays as it was.");
}

}  // namespace prism::models
