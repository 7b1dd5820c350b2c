#include "gateway/admin/audit_admin.h"

#include <charconv>
#include <string>
#include <utility>

#include "gateway/admin/on_pool.h"
#include "gateway/admin/page_size.h"
#include "gateway/admin/times.h"
#include "security/audit_filter.h"
#include "security/audit_log.h"
#include "security/caller_rights.h"
#include "sqlite/plain_database.h"

namespace prism::gateway {

namespace pb = prism::admin::v1;

namespace {

constexpr std::string_view kList = "audit_admin.list";

void Describe(security::AuditRecord&& record, pb::AuditEntry& into) {
  security::AuditEntry& entry = record.entry;
  into.set_id(record.id);
  SetTime(record.at, *into.mutable_time());
  into.set_principal(std::move(entry.principal));
  into.set_proof(std::move(entry.proof));
  into.set_token_id(std::move(entry.token_id));
  into.set_peer(std::move(entry.peer));
  into.set_action(std::move(entry.action));
  into.set_object(std::move(entry.object));
  into.set_code(std::move(entry.code));
  into.set_reason(std::move(entry.reason));
  into.set_before(std::move(entry.before));
  into.set_after(std::move(entry.after));
  into.set_request_id(std::move(entry.request_id));
  into.set_hash(std::move(record.hash));
}

// All that must stay the same from page to page.
std::string QueryOf(const pb::ListAuditRequest& request) {
  pb::ListAuditRequest query = request;
  query.clear_page_size();
  query.clear_page_token();
  return query.SerializeAsString();
}

Result<security::AuditQuery> ToQuery(const pb::ListAuditRequest& request) {
  security::AuditQuery query{
      .principal = request.principal(), .object = request.object(), .action = request.action()};
  TRY_ASSIGN(query.limit, PageSizeOf(request.page_size()));
  if (request.has_start_time()) query.not_before = MillisOf(request.start_time());
  if (request.has_end_time()) query.before = MillisOf(request.end_time());
  if (!request.filter().empty()) {
    TRY_ASSIGN(query.where, security::CompileAuditFilter(request.filter()));
  }
  return query;
}

Result<security::AuditPage> ReadPage(namespaces::ConfigStore& store,
                                     const security::AuditQuery& query) {
  return sqlite::ReadAndWait(store.database(), [&query](sqlite::Connection& connection) {
    return security::ListAudit(connection, query);
  });
}

struct Verdict {
  security::AuditVerdict found;
  std::int64_t remembered_id = 0;
};

// What is remembered is read first: the chain only grows meanwhile.
Result<Verdict> Check(namespaces::ConfigStore& store, const security::AuditHead& of_caller) {
  TRY_ASSIGN(const auto marked, store.MarkedChain());
  Verdict verdict{.found = {}, .remembered_id = marked ? marked->id : 0};
  return sqlite::ReadAndWait(
      store.database(), [&](sqlite::Connection& connection) -> Result<Verdict> {
        TRY_ASSIGN(verdict.found, security::VerifyAudit(connection, marked));
        if (verdict.found.fault || of_caller.id == 0) return verdict;
        TRY_ASSIGN(verdict.found, security::VerifyAudit(connection, of_caller));
        return verdict;
      });
}

}  // namespace

runtime::Task<Status> AuditAdminService::List(contract::CallContext& ctx,
                                              const pb::ListAuditRequest& request,
                                              pb::ListAuditResponse& response) {
  CO_TRY(ctx.rights->CheckServer());
  CO_TRY_ASSIGN(security::AuditQuery query, ToQuery(request));
  const std::string same = QueryOf(request);
  const models::TokenScope scope{.ns = "", .method = kList, .query = same};
  if (!request.page_token().empty()) {
    CO_TRY_ASSIGN(const std::string from,
                  models::ReadPageToken(page_key_, scope, request.page_token()));
    std::from_chars(from.data(), from.data() + from.size(), query.from);
  }
  CO_TRY_ASSIGN(auto page,
                co_await OnPool(ctx, parts_.pool, [&] { return ReadPage(parts_.store, query); }));
  for (security::AuditRecord& record : page.records) {
    Describe(std::move(record), *response.add_entries());
  }
  if (page.next != 0) {
    response.set_next_page_token(
        models::MakePageToken(page_key_, scope, std::to_string(page.next)));
  }
  co_return Status();
}

runtime::Task<Status> AuditAdminService::Verify(contract::CallContext& ctx,
                                                const pb::VerifyAuditRequest& request,
                                                pb::VerifyAuditResponse& response) {
  CO_TRY(ctx.rights->CheckServer());
  const security::AuditHead remembered{request.head_id(), request.head_hash()};
  CO_TRY_ASSIGN(const auto verdict,
                co_await OnPool(ctx, parts_.pool, [&] { return Check(parts_.store, remembered); }));
  response.set_rows(static_cast<std::int64_t>(verdict.found.rows));
  response.set_head_id(verdict.found.head.id);
  response.set_head_hash(verdict.found.head.hash);
  response.set_remembered_id(verdict.remembered_id);
  if (verdict.found.fault) {
    response.mutable_fault()->set_id(verdict.found.fault->id);
    response.mutable_fault()->set_what(verdict.found.fault->what);
  }
  co_return Status();
}

runtime::Task<Status> AuditAdminService::Export(contract::CallContext& ctx,
                                                const pb::ExportAuditRequest& request,
                                                contract::Sink<pb::AuditEntry> sink) {
  CO_TRY(ctx.rights->CheckServer());
  security::AuditQuery query{
      .from = request.after_id(), .ascending = true, .limit = security::AuditQuery::kMaxRows};
  pb::AuditEntry entry;
  do {
    CO_TRY_ASSIGN(auto page,
                  co_await OnPool(ctx, parts_.pool, [&] { return ReadPage(parts_.store, query); }));
    for (security::AuditRecord& record : page.records) {
      Describe(std::move(record), entry);
      CO_TRY(co_await sink.Write(entry));
    }
    query.from = page.next;
  } while (query.from != 0);
  co_return Status();
}

}  // namespace prism::gateway
