// KeyValueTransactional: optimistic transactions over the one primitive that a store has, Transact.
#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

// A handle is the instance and two random numbers, joined by dots.
std::string HandleText(std::uint64_t instance, const models::Digest& handle) {
  std::string text(models::VersionText(instance).view());
  text.append(".").append(models::VersionText(handle.high).view());
  text.append(".").append(models::VersionText(handle.low).view());
  return text;
}

Error Elsewhere() {
  return Error(Code::kFailedPrecondition, "TRANSACTION_ELSEWHERE",
               "The transaction belongs to another instance of Prism, or to one before a restart. "
               "Begin a new "
               "one, and keep to one connection while it is open.");
}

Error Conflict(std::string_view key) {
  return Error(Code::kAborted, "TRANSACTION_CONFLICT",
               "Something that the transaction has read was changed by another; nothing was "
               "applied. Begin "
               "again and repeat it.")
      .With("key", std::string(key));
}

// Views into the content, which outlives the work.
struct CommitPlan {
  CommitPlan(const TransactionContent& content, WallMillis now) {
    for (const auto& [key, version] : content.reads) preconditions.push_back({key, version});
    for (const auto& [key, write] : content.writes) {
      using Kind = TransactOperation::Kind;
      operations.push_back(
          {.kind = write.removal ? Kind::kDelete : Kind::kSet,
           .key = key,
           .write = {.value = write.value.view(),
                     .tags = write.tags.view(),
                     .expires_at = write.ttl_ms == 0 ? kNeverExpires : now + write.ttl_ms}});
    }
  }
  std::vector<TransactPrecondition> preconditions;
  std::vector<TransactOperation> operations;
};

}  // namespace

Result<TransactionTable::Claim> LocalKeyValue::ClaimOf(const Context& ctx,
                                                       std::string_view handle) const {
  TRY(models::CheckTransaction(handle));
  const std::size_t first = handle.find('.');
  const std::size_t second = first == std::string_view::npos ? first : handle.find('.', first + 1);
  if (second == std::string_view::npos) return std::unexpected(TransactionNotFoundError());
  const auto instance = models::ParseVersion(handle.substr(0, first));
  const auto high = models::ParseVersion(handle.substr(first + 1, second - first - 1));
  const auto low = models::ParseVersion(handle.substr(second + 1));
  if (!instance || !high || !low) return std::unexpected(TransactionNotFoundError());
  if (*instance != engine_.instance()) return std::unexpected(Elsewhere());
  return TransactionTable::Claim{
      .handle = {.high = *high, .low = *low}, .principal = ctx.principal, .now = MonotonicNow()};
}

LocalKeyValue::StatusTask LocalKeyValue::BeginTransaction(Context& ctx,
                                                          const BeginTransactionRequest& request,
                                                          BeginTransactionResponse& response) {
  CO_TRY_ASSIGN(const std::int64_t timeout_ms, models::TransactionTimeout(request));
  const MonoNanos now = MonotonicNow();
  CO_TRY_ASSIGN(const models::Digest handle,
                transactions_.Begin(ctx.principal, now + timeout_ms * kNanosPerMilli, now));
  store_.sweep_mark().Touched();
  response.set_transaction(HandleText(engine_.instance(), handle));
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::SetInTransaction(Context& ctx,
                                                          const SetInTransactionRequest& request,
                                                          SetInTransactionResponse&) {
  CO_TRY_ASSIGN(const auto claim, ClaimOf(ctx, request.transaction()));
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY(models::CheckValue(request.value(), max_value_bytes()));
  CO_TRY(models::CheckTags(request.tags()));
  PendingWrite write;
  if (request.has_ttl()) {
    CO_TRY_ASSIGN(write.ttl_ms, models::TtlMillis(request.ttl(), ctx.now));
  }
  write.value = base::Buffer::Copy(request.value());
  write.tags = base::Buffer::Copy(models::EncodeTags(request.tags()));
  co_return transactions_.Write(claim, request.key(), std::move(write));
}

LocalKeyValue::StatusTask LocalKeyValue::DeleteInTransaction(
    Context& ctx, const DeleteInTransactionRequest& request, DeleteInTransactionResponse&) {
  CO_TRY_ASSIGN(const auto claim, ClaimOf(ctx, request.transaction()));
  CO_TRY(models::CheckKey(request.key()));
  co_return transactions_.Write(claim, request.key(), {.removal = true, .value = {}, .tags = {}});
}

LocalKeyValue::StatusTask LocalKeyValue::GetInTransaction(Context& ctx,
                                                          const GetInTransactionRequest& request,
                                                          GetInTransactionResponse& response) {
  CO_TRY_ASSIGN(const auto claim, ClaimOf(ctx, request.transaction()));
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY_ASSIGN(const auto own, transactions_.OwnWrite(claim, request.key()));
  if (own) {
    if (own->removal) co_return Status();
    response.set_found(true);
    response.set_value(std::string(own->value.view()));
    if (own->ttl_ms != 0)
      models::SetTimestamp(ctx.now + own->ttl_ms, *response.mutable_expire_time());
    co_return models::DecodeTags(own->tags.view(), *response.mutable_tags());
  }
  CO_TRY_ASSIGN(const auto found, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return store.Get(request.key(), ctx.now);
  }));
  CO_TRY(transactions_.NoteRead(claim, request.key(), found ? found->version : kNoVersion));
  if (!found) co_return Status();
  response.set_found(true);
  co_return FillRecord(*found, response);
}

LocalKeyValue::StatusTask LocalKeyValue::Commit(Context& ctx, const CommitRequest& request,
                                                CommitResponse& response) {
  CO_TRY(models::CheckRequestId(request.request_id()));
  CO_TRY(models::CheckTransaction(request.transaction()));
  const auto claim = ClaimOf(ctx, request.transaction());
  // Without the transaction, a request id may still have its answer; only the store can tell.
  std::shared_ptr<const TransactionContent> content;
  Error missing = claim ? TransactionNotFoundError() : claim.error();
  if (claim) {
    auto closed = transactions_.Close(*claim, request.request_id());
    if (closed) content = *std::move(closed);
  }
  if (content == nullptr && request.request_id().empty())
    co_return std::unexpected(std::move(missing));
  Status committed = co_await CommitContent(ctx, request, content, std::move(missing), response);
  if (content != nullptr) transactions_.Finish(claim->handle);
  co_return committed;
}

LocalKeyValue::StatusTask LocalKeyValue::CommitContent(
    Context& ctx, const CommitRequest& request, std::shared_ptr<const TransactionContent> content,
    Error missing, CommitResponse& response) {
  const TransactionContent nothing;
  const CommitPlan plan(content == nullptr ? nothing : *content, ctx.now);
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_transactional.commit", request.request_id(), request}, response,
      [&](KeyValueStore& store) -> Result<TransactOutcome> {
        if (content == nullptr) return std::unexpected(missing);
        TRY_ASSIGN(auto outcome, store.Transact(plan.preconditions, plan.operations, ctx.now));
        if (!outcome.committed)
          return std::unexpected(Conflict(plan.preconditions[outcome.conflict].key));
        return outcome;
      },
      [&](const TransactOutcome& outcome, CommitResponse& to) -> Status {
        for (std::size_t i = 0; i < outcome.versions.size(); ++i) {
          if (outcome.versions[i] == kNoVersion) continue;
          (*to.mutable_versions())[std::string(plan.operations[i].key)] =
              std::string(models::VersionText(outcome.versions[i]).view());
        }
        return {};
      });
}

LocalKeyValue::StatusTask LocalKeyValue::Rollback(Context& ctx, const RollbackRequest& request,
                                                  RollbackResponse&) {
  const auto claim = ClaimOf(ctx, request.transaction());
  if (claim) {
    transactions_.Rollback(*claim);
  } else if (claim.error().code() != Code::kNotFound) {
    co_return std::unexpected(claim.error());  // it may still be open elsewhere, or none is named
  }
  co_return Status();
}

}  // namespace prism::engine
