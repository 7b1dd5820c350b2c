// What calls of the admin API leave in the audit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "contract/call_context.h"
#include "contract/method.h"
#include "rpc/server.h"
#include "runtime/blocking_pool.h"
#include "security/audit_log.h"
#include "sqlite/database.h"
#include "telemetry/log.h"

namespace prism::gateway {

// The entry of a call that has done its work: who, from where, what. `before` and `after` are for
// whoever knows them. On the call's shard; the entry may leave it.
security::AuditEntry EntryOf(const contract::CallContext& ctx, std::string_view action,
                             std::string object);

// Refusals for lack of permission, which whoever has any credential can cause as often as they
// like: so the audit gets a bounded number of entries about them (ADR 0082). The first refusal of a
// principal and method is an entry, about the object that the request names; the further ones
// within kWindow are counted, and their number is an entry: about that object, or what it is one of
// when there were several. Above kMaxEntriesAnHour there is one for the rest of that hour.
//
// Life cycle: outlives the calls and the pool's work. Thread rule: Note on any shard, never waits;
// Flush on any other thread.
class RefusalTrail {
 public:
  static constexpr WallMillis kWindow = 60'000;
  static constexpr std::size_t kMaxKeys = 64;  // in a window; others are counted as left out
  static constexpr int kMaxEntriesAnHour = 100;
  static constexpr int kMaxQueued = 64;  // on their way to the audit; others likewise

  // Everything outlives the trail.
  struct Parts {
    runtime::BlockingPool& pool;
    sqlite::Database& database;  // has security::AuditPart()
    Clock& clock;
    telemetry::Logger& log;
  };

  explicit RefusalTrail(const Parts& parts) : parts_(parts) {}

  // The call has failed. Nothing happens unless that was for lack of permission.
  void Note(rpc::ServerCall& call, const Error& error);
  // Writes down what was counted in windows that are over, or in all. Now and then.
  Status Flush(bool all = false);

 private:
  using Key = std::pair<std::string, std::string>;  // principal, action
  struct Counted {
    security::AuditEntry entry;  // what its objects have in common
    std::uint64_t more = 0;      // after the first
  };
  // Writer's thread of the database only.
  struct State {
    WallMillis window_start = 0;
    std::map<Key, Counted> window;
    WallMillis hour = 0;
    int entries = 0;  // in that hour
  };

  Status Write(const security::AuditEntry& entry);
  Status Take(sqlite::Connection& connection, const security::AuditEntry& entry);
  Status CloseWindow(sqlite::Connection& connection, WallMillis now);
  Status Append(sqlite::Connection& connection, const security::AuditEntry& entry,
                std::uint64_t refusals, WallMillis now);

  const Parts parts_;
  std::atomic<int> queued_ = 0;
  std::atomic<std::uint64_t> left_out_ = 0;
  State state_;
};

}  // namespace prism::gateway
