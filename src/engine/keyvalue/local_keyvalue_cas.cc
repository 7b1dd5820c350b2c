// KeyValueCas: conditional writes.
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/answers.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

// Texts of the versions in an outcome; the view lives as long as this and the outcome.
class OutcomeText {
 public:
  explicit OutcomeText(const SwapOutcome& outcome)
      : outcome_(outcome),
        version_(outcome.version),
        current_(outcome.current ? outcome.current->version : kNoVersion) {}

  models::SwapView view() const {
    models::SwapView view{.done = outcome_.done};
    if (outcome_.version != kNoVersion) view.version = version_.view();
    if (outcome_.current) view.current = ViewOf(*outcome_.current, current_);
    return view;
  }

 private:
  const SwapOutcome& outcome_;
  models::VersionText version_;
  models::VersionText current_;
};

Result<IncrementOutcome> OnlyIntegers(Result<IncrementOutcome> outcome) {
  TRY(outcome);
  switch (outcome->kind) {
    case IncrementOutcome::Kind::kDone:
      return outcome;
    case IncrementOutcome::Kind::kNotAnInteger:
      return std::unexpected(models::NotAnIntegerError());
    case IncrementOutcome::Kind::kOverflow:
      break;
  }
  return std::unexpected(models::IntegerOverflowError());
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
        return models::FillSwap(OutcomeText(outcome).view(), request.key(), to);
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
        return models::FillDelete(OutcomeText(outcome).view(), request.key(), to);
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
        models::FillIncrement(outcome.value, models::VersionText(outcome.version).view(), to);
        return {};
      });
}

}  // namespace prism::engine
