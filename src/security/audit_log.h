// Who did what, and what it changed: a table that only grows, and in which each row vouches for the
// ones before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "filter/sql.h"
#include "sqlite/chain_head.h"
#include "sqlite/database.h"
#include "sqlite/migrations.h"

namespace prism::security {

// One deed. Texts hold no secrets, only references to them; the text of an API token that got in
// nevertheless is taken out when it is stored.
struct AuditEntry {
  std::string principal;
  std::string proof;     // ProofName: by what the principal was known
  std::string token_id;  // if it was a token
  std::string peer;      // address
  std::string action;    // the method's path, or "prism token recover"
  std::string object;    // "namespace/orders", "backend/redis-1", "token/3fX..."
  std::string code;      // canonical: "OK", "PERMISSION_DENIED"
  std::string reason;    // of a failure
  std::string before;    // JSON; empty: there was nothing
  std::string after;     // JSON; empty: there is nothing
  std::string request_id;
};

struct AuditRecord {
  std::int64_t id = 0;  // 1, 2, 3 ...: none is left out
  WallMillis at = 0;
  AuditEntry entry;
  std::string hash;  // SHA-256 in hex, over the row and the hash of the one before
};

// The newest row. Whoever keeps it elsewhere can tell later that nothing before it was removed.
using AuditHead = sqlite::ChainHead;

struct AuditQuery {
  static constexpr std::size_t kMaxRows = 1000;

  // Of the rows with a smaller id (newest first), or with a larger one (`ascending`); 0: from the
  // beginning.
  std::int64_t from = 0;
  bool ascending = false;
  std::size_t limit = 100;  // at most kMaxRows
  // Empty: any. `object` also finds what is below it: "namespace" and "namespace/orders".
  std::string principal = {};
  std::string object = {};
  std::string action = {};
  std::optional<WallMillis> not_before = {};
  std::optional<WallMillis> before = {};
  std::optional<filter::SqlCondition> where = {};  // of CompileAuditFilter
};

struct AuditPage {
  std::vector<AuditRecord> records;
  std::int64_t next = 0;  // `from` of the next page; 0: there is none
};

struct AuditVerdict {
  struct Fault {
    std::int64_t id = 0;  // the first row that is wrong or missing
    std::string what;     // a sentence
  };
  std::uint64_t rows = 0;      // that were looked at and found right
  AuditHead head;              // of those
  std::optional<Fault> fault;  // nothing: the chain is whole
};

inline constexpr std::size_t kMaxAuditTextBytes = 256 * 1024;  // of before, and of after

sqlite::SchemaPart AuditPart();

// In the transaction of the change that it is about. INVALID_ARGUMENT/AUDIT_TEXT_INVALID when
// before or after is too long or no JSON. Returns the new head.
Result<AuditHead> AppendAudit(sqlite::Connection& connection, const AuditEntry& entry,
                              WallMillis now);
Result<AuditHead> ReadAuditHead(sqlite::Connection& connection);
// As it was when the row `up_to` was the newest: for sqlite::ReadChain.
Result<AuditHead> ReadAuditHeadAt(sqlite::Connection& connection, std::int64_t up_to);

// INVALID_ARGUMENT/BAD_PAGE_SIZE for a limit of 0 or above kMaxRows.
Result<AuditPage> ListAudit(sqlite::Connection& connection, const AuditQuery& query);

// Looks at all rows in their order, and whether `remembered`, if there is one, is among them.
Result<AuditVerdict> VerifyAudit(sqlite::Connection& connection,
                                 const std::optional<AuditHead>& remembered = {});

// One JSON object without line ends: id, time, all fields, hash. before and after are objects.
std::string AuditLine(const AuditRecord& record);

// All rows after `after_id` in their order, a line each, read a page at a time so that no
// transaction is held open. Blocking; ends with the first error of `sink`.
Status ExportAudit(sqlite::Database& database, std::int64_t after_id,
                   const std::function<Status(std::string_view line)>& sink);

}  // namespace prism::security
