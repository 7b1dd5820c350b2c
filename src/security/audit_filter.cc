#include "security/audit_filter.h"

#include <vector>

#include "filter/filter.h"

namespace prism::security {

namespace {

filter::Schema MakeSchema() {
  std::vector<filter::Field> fields = {{.name = "id", .type = filter::Type::kInt64, .column = "id"},
                                       {.name = "time",
                                        .type = filter::Type::kTimestamp,
                                        .column = "at",
                                        .unit = filter::TimeUnit::kMillis}};
  // What a word alone is looked for in.
  for (const char* name : {"principal", "action", "object"}) {
    fields.push_back({.name = name, .column = name, .searched = true});
  }
  for (const char* name :
       {"proof", "token_id", "peer", "code", "reason", "before", "after", "request_id"}) {
    fields.push_back({.name = name, .column = name});
  }
  return filter::Schema(std::move(fields));
}

}  // namespace

Result<filter::SqlCondition> CompileAuditFilter(std::string_view text) {
  static const filter::Schema kSchema = MakeSchema();
  TRY_ASSIGN(const filter::Filter compiled, filter::Filter::Compile(text, kSchema));
  return filter::ToSql(compiled, kAuditFilterParameter);
}

}  // namespace prism::security
