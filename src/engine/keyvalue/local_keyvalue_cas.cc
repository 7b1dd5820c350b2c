// KeyValueCas: conditional writes.
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

Status FillSwap(const SwapOutcome& outcome, const std::string& key, CompareAndSwapResponse& to) {
  to.set_swapped(outcome.done);
  if (outcome.version != kNoVersion) {
    to.mutable_version()->assign(models::VersionText(outcome.version).view());
  }
  if (!outcome.current) return {};
  to.mutable_current()->set_key(key);
  return FillRecord(*outcome.current, *to.mutable_current());
}

Status FillDelete(const SwapOutcome& outcome, const std::string& key,
                  CompareAndDeleteResponse& to) {
  to.set_deleted(outcome.done);
  if (!outcome.current) return {};
  to.mutable_current()->set_key(key);
  return FillRecord(*outcome.current, *to.mutable_current());
}

// What is no integer or too large for one is an error, so that nobody takes it for a result.
Result<IncrementOutcome> OnlyIntegers(Result<IncrementOutcome> outcome) {
  TRY(outcome);
  switch (outcome->kind) {
    case IncrementOutcome::Kind::kDone:
      return outcome;
    case IncrementOutcome::Kind::kNotAnInteger:
      return std::unexpected(
          Error(Code::kFailedPrecondition, "NOT_AN_INTEGER",
                "The value is no decimal integer of 64 bits, so nothing can be added to "
                "it. Set it to one first."));
    case IncrementOutcome::Kind::kOverflow:
      break;
  }
  return std::unexpected(Error(Code::kOutOfRange, "INTEGER_OVERFLOW",
                               "The sum does not fit 64 bits; the value stays as it was."));
}

}  // namespace

LocalKeyValue::StatusTask LocalKeyValue::CompareAndSwap(Context& ctx,
                                                        const CompareAndSwapRequest& request,
                                                        CompareAndSwapResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckValue(request.value(), max_value_bytes()));
  CO_TRY(models::CheckTags(request.tags()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  CO_TRY_ASSIGN(const models::CheckedExpectation expected,
                models::ReadExpectation(request.expect()));
  const KeyValueExpectation expect = ExpectationOf(expected);
  CO_TRY_ASSIGN(const WallMillis expires_at, models::ExpiryOf(request, ctx.now));
  const std::string tags = models::EncodeTags(request.tags());
  const KeyValueWrite write = {.value = request.value(), .tags = tags, .expires_at = expires_at};

  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_cas.compare_and_swap", request.request_id(), request}, response,
      [&](KeyValueStore& store) {
        return store.CompareAndSwap(request.key(), expect, write, ctx.now);
      },
      [&](const SwapOutcome& outcome, CompareAndSwapResponse& to) {
        return FillSwap(outcome, request.key(), to);
      });
}

LocalKeyValue::StatusTask LocalKeyValue::CompareAndDelete(Context& ctx,
                                                          const CompareAndDeleteRequest& request,
                                                          CompareAndDeleteResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  CO_TRY_ASSIGN(const models::CheckedExpectation expected,
                models::ReadExpectation(request.expect()));
  const KeyValueExpectation expect = ExpectationOf(expected);
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_cas.compare_and_delete", request.request_id(), request}, response,
      [&](KeyValueStore& store) { return store.CompareAndDelete(request.key(), expect, ctx.now); },
      [&](const SwapOutcome& outcome, CompareAndDeleteResponse& to) {
        return FillDelete(outcome, request.key(), to);
      });
}

LocalKeyValue::StatusTask LocalKeyValue::Increment(Context& ctx, const IncrementRequest& request,
                                                   IncrementResponse& response) {
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckRequestId(request.request_id()));
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_cas.increment", request.request_id(), request}, response,
      [&](KeyValueStore& store) {
        return OnlyIntegers(store.Increment(request.key(), request.delta(), ctx.now));
      },
      [](const IncrementOutcome& outcome, IncrementResponse& to) -> Status {
        to.set_value(outcome.value);
        to.mutable_version()->assign(models::VersionText(outcome.version).view());
        return {};
      });
}

}  // namespace prism::engine
