// KeyValueTransactional: optimistic transactions over the one primitive that a store has, Transact.
#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/keyvalue/record_text.h"
#include "models/keyvalue/validation.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

// Views into the content, which outlives the work.
struct CommitPlan {
  CommitPlan(const models::TransactionContent& content, WallMillis now) {
    for (const auto& [key, version] : content.reads)
      preconditions.push_back({.key = key, .version = VersionOf(version)});
    for (const auto& [key, write] : content.writes) {
      using Kind = TransactOperation::Kind;
      operations.push_back({.kind = write.removal ? Kind::kDelete : Kind::kSet,
                            .key = key,
                            .write = models::WriteAt(write, now)});
    }
  }
  std::vector<TransactPrecondition> preconditions;
  std::vector<TransactOperation> operations;
};

}  // namespace

LocalKeyValue::StatusTask LocalKeyValue::BeginTransaction(Context& ctx,
                                                          const BeginTransactionRequest& request,
                                                          BeginTransactionResponse& response) {
  CO_TRY(transactions_.Begin(ctx, request, response));
  store_.sweep_mark().Touched();
  co_return Status();
}

LocalKeyValue::StatusTask LocalKeyValue::SetInTransaction(Context& ctx,
                                                          const SetInTransactionRequest& request,
                                                          SetInTransactionResponse&) {
  co_return transactions_.Set(ctx, request, max_value_bytes());
}

LocalKeyValue::StatusTask LocalKeyValue::DeleteInTransaction(
    Context& ctx, const DeleteInTransactionRequest& request, DeleteInTransactionResponse&) {
  co_return transactions_.Delete(ctx, request);
}

LocalKeyValue::StatusTask LocalKeyValue::GetInTransaction(Context& ctx,
                                                          const GetInTransactionRequest& request,
                                                          GetInTransactionResponse& response) {
  CO_TRY_ASSIGN(const auto claim, transactions_.ClaimOf(ctx, request.transaction()));
  CO_TRY(models::CheckKey(request.key()));
  CO_TRY_ASSIGN(const bool own, transactions_.GetOwn(claim, request.key(), ctx.now, response));
  if (own) co_return Status();
  CO_TRY_ASSIGN(const auto found, co_await store_.Read(ctx, [&](KeyValueStore& store) {
    return store.Get(request.key(), ctx.now);
  }));
  if (!found) co_return transactions_.NoteRead(claim, request.key(), {});
  CO_TRY(transactions_.NoteRead(claim, request.key(), models::VersionText(found->version).view()));
  response.set_found(true);
  co_return FillRecord(*found, response);
}

LocalKeyValue::StatusTask LocalKeyValue::Commit(Context& ctx, const CommitRequest& request,
                                                CommitResponse& response) {
  CO_TRY(models::CheckRequestId(request.request_id()));
  CO_TRY_ASSIGN(const auto closed, transactions_.Close(ctx, request));
  Status committed = co_await CommitContent(ctx, request, closed, response);
  transactions_.Finish(closed);
  co_return committed;
}

LocalKeyValue::StatusTask LocalKeyValue::CommitContent(
    Context& ctx, const CommitRequest& request, const models::OpenTransactions::Closed& closed,
    CommitResponse& response) {
  const models::TransactionContent nothing;
  const CommitPlan plan(closed.content == nullptr ? nothing : *closed.content, ctx.now);
  co_return co_await ApplyOnce(
      store_, ctx, {"keyvalue_transactional.commit", request.request_id(), request}, response,
      [&](KeyValueStore& store) -> Result<TransactOutcome> {
        if (closed.content == nullptr) return std::unexpected(closed.missing);
        TRY_ASSIGN(auto outcome, store.Transact(plan.preconditions, plan.operations, ctx.now));
        if (!outcome.committed) {
          return std::unexpected(
              models::TransactionConflictError(plan.preconditions[outcome.conflict].key));
        }
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
  co_return transactions_.Rollback(ctx, request);
}

}  // namespace prism::engine
