#include "gateway/admin/operation_admin.h"

#include <fmt/format.h>

#include <charconv>

#include "gateway/admin/page_size.h"
#include "gateway/admin/times.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using contract::CallContext;
using runtime::Task;

constexpr std::string_view kList = "operation_admin.list";

Error NotFound(const std::string& name) {
  return {
      Code::kNotFound, "OPERATION_NOT_FOUND",
      fmt::format("there is no operation \"{}\"; those that have ended are kept for 7 days", name)};
}

}  // namespace

void ToProto(const OperationRecord& record, v1::Operation& message) {
  message.set_name(std::to_string(record.id));
  message.set_kind(record.kind);
  message.set_object(record.object);
  message.set_created_by(record.created_by);
  SetTime(record.created_at, *message.mutable_create_time());
  message.set_done(record.ended_at.has_value());
  if (record.ended_at) SetTime(*record.ended_at, *message.mutable_end_time());
  message.set_error(record.error);
  message.set_result(record.result);
}

void OperationAdminService::Describe(const OperationRecord& record, v1::Operation& message) const {
  ToProto(record, message);
  if (progress_ && !record.ended_at) message.set_progress(progress_(record));
}

Status OperationAdminService::ReadOne(const std::string& name, v1::Operation& response) {
  std::int64_t id = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data(), end, id);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::unexpected(NotFound(name));
  TRY_ASSIGN(const auto record, operations_.Find(id));
  if (!record) return std::unexpected(NotFound(name));
  response.Clear();
  Describe(*record, response);
  return {};
}

Task<Status> OperationAdminService::Get(CallContext& ctx, const v1::GetOperationRequest& request,
                                        v1::Operation& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const MonoNanos until, WaitEnd(request.has_wait(), request.wait(), 0));
  for (;;) {
    const std::uint64_t seen = changes_.count();
    CO_TRY(co_await OnPool(ctx, pool_, [&] { return ReadOne(request.name(), response); }));
    if (response.done() || !request.has_wait()) co_return Status();
    CO_TRY_ASSIGN(const bool more, co_await changes_.WaitForMore(ctx, seen, until));
    if (!more) co_return Status();
  }
}

Status OperationAdminService::ReadPage(std::int64_t before, std::size_t limit,
                                       v1::ListOperationsResponse& response) {
  // One more, which says whether there is another page.
  TRY_ASSIGN(auto records, operations_.List(before, limit + 1));
  const bool more = records.size() > limit;
  if (more) records.pop_back();
  for (const OperationRecord& record : records) Describe(record, *response.add_operations());
  if (more) {
    response.set_next_page_token(tokens_.Make(kList, "", std::to_string(records.back().id)));
  }
  return {};
}

Task<Status> OperationAdminService::List(CallContext& ctx, const v1::ListOperationsRequest& request,
                                         v1::ListOperationsResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const std::size_t limit, PageSizeOf(request.page_size()));
  CO_TRY_ASSIGN(const std::int64_t before, tokens_.ReadNumber(kList, "", request.page_token()));
  co_return co_await OnPool(ctx, pool_, [&] { return ReadPage(before, limit, response); });
}

}  // namespace prism::gateway
