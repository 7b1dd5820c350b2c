#include "models/keyvalue/open_transactions.h"

#include <utility>

#include "models/keyvalue/record_fields.h"
#include "models/keyvalue/validation.h"
#include "models/keyvalue/version_text.h"

namespace prism::models {
namespace {

// A handle is the instance and two random numbers, joined by dots.
std::string HandleText(std::uint64_t instance, const Digest& handle) {
  std::string text(VersionText(instance).view());
  text.append(".").append(VersionText(handle.high).view());
  text.append(".").append(VersionText(handle.low).view());
  return text;
}

Error Elsewhere() {
  return Error(Code::kFailedPrecondition, "TRANSACTION_ELSEWHERE",
               "The transaction belongs to another instance of Prism, or to one before a restart. "
               "Begin a new "
               "one, and keep to one connection while it is open.");
}

}  // namespace

Result<OpenTransactions::Claim> OpenTransactions::ClaimOf(const contract::CallContext& ctx,
                                                          std::string_view handle) const {
  TRY(CheckTransaction(handle));
  const std::size_t first = handle.find('.');
  const std::size_t second = first == std::string_view::npos ? first : handle.find('.', first + 1);
  if (second == std::string_view::npos) return std::unexpected(TransactionNotFoundError());
  const auto instance = ParseVersion(handle.substr(0, first));
  const auto high = ParseVersion(handle.substr(first + 1, second - first - 1));
  const auto low = ParseVersion(handle.substr(second + 1));
  if (!instance || !high || !low) return std::unexpected(TransactionNotFoundError());
  if (*instance != instance_) return std::unexpected(Elsewhere());
  return Claim{
      .handle = {.high = *high, .low = *low}, .principal = ctx.principal, .now = MonotonicNow()};
}

Status OpenTransactions::Begin(const contract::CallContext& ctx,
                               const keyvalue::v1::BeginTransactionRequest& request,
                               keyvalue::v1::BeginTransactionResponse& response) {
  TRY_ASSIGN(const std::int64_t timeout_ms, TransactionTimeout(request));
  const MonoNanos now = MonotonicNow();
  TRY_ASSIGN(const Digest handle,
             table_.Begin(ctx.principal, now + timeout_ms * kNanosPerMilli, now));
  response.set_transaction(HandleText(instance_, handle));
  return {};
}

Status OpenTransactions::Set(const contract::CallContext& ctx,
                             const keyvalue::v1::SetInTransactionRequest& request,
                             std::uint64_t max_value_bytes) {
  TRY_ASSIGN(const Claim claim, ClaimOf(ctx, request.transaction()));
  TRY(CheckKey(request.key()));
  TRY(CheckValue(request.value(), max_value_bytes));
  TRY(CheckTags(request.tags()));
  PendingWrite write;
  if (request.has_ttl()) {
    TRY_ASSIGN(write.ttl_ms, TtlMillis(request.ttl(), ctx.now));
  }
  write.value = base::Buffer::Copy(request.value());
  write.tags = base::Buffer::Copy(EncodeTags(request.tags()));
  return table_.Write(claim, request.key(), std::move(write));
}

Status OpenTransactions::Delete(const contract::CallContext& ctx,
                                const keyvalue::v1::DeleteInTransactionRequest& request) {
  TRY_ASSIGN(const Claim claim, ClaimOf(ctx, request.transaction()));
  TRY(CheckKey(request.key()));
  return table_.Write(claim, request.key(), {.removal = true, .value = {}, .tags = {}});
}

Status OpenTransactions::Rollback(const contract::CallContext& ctx,
                                  const keyvalue::v1::RollbackRequest& request) {
  const auto claim = ClaimOf(ctx, request.transaction());
  if (claim) {
    table_.Rollback(*claim);
  } else if (claim.error().code() != Code::kNotFound) {
    return std::unexpected(claim.error());  // it may still be open elsewhere, or none is named
  }
  return {};
}

Result<bool> OpenTransactions::GetOwn(const Claim& claim, std::string_view key, WallMillis now,
                                      keyvalue::v1::GetInTransactionResponse& response) {
  TRY_ASSIGN(const auto own, table_.OwnWrite(claim, key));
  if (!own) return false;
  if (own->removal) return true;
  response.set_found(true);
  response.set_value(std::string(own->value.view()));
  if (own->ttl_ms != 0) SetTimestamp(now + own->ttl_ms, *response.mutable_expire_time());
  TRY(DecodeTags(own->tags.view(), *response.mutable_tags()));
  return true;
}

Result<OpenTransactions::Closed> OpenTransactions::Close(
    const contract::CallContext& ctx, const keyvalue::v1::CommitRequest& request) {
  TRY(CheckTransaction(request.transaction()));
  const auto claim = ClaimOf(ctx, request.transaction());
  Closed closed{.content = nullptr,
                .missing = claim ? TransactionNotFoundError() : claim.error(),
                .handle = claim ? claim->handle : Digest()};
  if (claim) {
    auto content = table_.Close(*claim, request.request_id());
    if (content) closed.content = *std::move(content);
  }
  if (closed.content == nullptr && request.request_id().empty())
    return std::unexpected(std::move(closed.missing));
  return closed;
}

KeyValueWrite WriteAt(const PendingWrite& write, WallMillis now) {
  return {.value = write.value.view(),
          .tags = write.tags.view(),
          .expires_at = write.ttl_ms == 0 ? kNeverExpires : now + write.ttl_ms};
}

Error TransactionConflictError(std::string_view key) {
  return Error(Code::kAborted, "TRANSACTION_CONFLICT",
               "Something that the transaction has read was changed by another; nothing was "
               "applied. Begin "
               "again and repeat it.")
      .With("key", std::string(key));
}

}  // namespace prism::models
