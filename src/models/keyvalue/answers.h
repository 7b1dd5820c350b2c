// The answers of single methods: of GetTTL and of KeyValueCas.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "models/keyvalue/record.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {

// The answer of GetTTL: `expires_at` of the key, kNeverExpires included; nothing when it is absent.
void FillTtl(std::optional<WallMillis> expires_at, WallMillis now,
             keyvalue::v1::GetTTLResponse& to);

Status FillSwap(const SwapView& outcome, const std::string& key,
                keyvalue::v1::CompareAndSwapResponse& to);
Status FillDelete(const SwapView& outcome, const std::string& key,
                  keyvalue::v1::CompareAndDeleteResponse& to);
void FillIncrement(std::int64_t value, std::string_view version,
                   keyvalue::v1::IncrementResponse& to);

// What is no integer (decimal.h) or too large for one is an error, so that nobody takes it for a
// result: FAILED_PRECONDITION/NOT_AN_INTEGER, OUT_OF_RANGE/INTEGER_OVERFLOW.
Error NotAnIntegerError();
Error IntegerOverflowError();

}  // namespace prism::models
