#include "tests/branching/running_host.h"

#include <libpq-fe.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "branching/pgwire/refusal.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching::testing {
namespace {

std::shared_ptr<const Roles> ReadRoles(const std::string& conninfo) {
  PGconn* connection = PQconnectdb(conninfo.c_str());
  PGresult* rows = PQexec(connection, "SELECT rolname, rolpassword, rolcanlogin FROM pg_authid");
  PRISM_CHECK(PQresultStatus(rows) == PGRES_TUPLES_OK, PQerrorMessage(connection));
  std::map<std::string, Role, std::less<>> roles;
  for (int row = 0; row < PQntuples(rows); ++row) {
    std::optional<std::string_view> stored;
    if (PQgetisnull(rows, row, 1) == 0) stored = PQgetvalue(rows, row, 1);
    auto password = ParseStoredPassword(stored);
    PRISM_CHECK(password.has_value(), "a password that PostgreSQL does not store");
    roles[PQgetvalue(rows, row, 0)] = {.password = *std::move(password),
                                       .may_login = PQgetvalue(rows, row, 2)[0] == 't',
                                       .valid_until = {}};
  }
  PQclear(rows);
  PQfinish(connection);
  return std::make_shared<const Roles>(std::move(roles), "a secret of the test");
}

}  // namespace

class RunningHost::Visit final : public Entrance {
 public:
  // "dev" has been there for long.
  Visit(RunningHost& host, const std::string& branch) : host_(host) {
    if (branch != "dev") notices_.push_back("created " + branch);
    host_.inside_.fetch_add(1);
  }
  ~Visit() override { host_.inside_.fetch_sub(1); }
  const std::string& socket_path() const override { return host_.socket_path_; }
  const std::vector<StartupParameter>& settings() const override { return settings_; }
  const std::vector<std::string>& notices() const override { return notices_; }
  EntryWay way() const override { return EntryWay::kRunning; }

 private:
  RunningHost& host_;
  const std::vector<StartupParameter> settings_;
  std::vector<std::string> notices_;
};

RunningHost::RunningHost(const std::string& conninfo, std::string socket_path)
    : roles_(ReadRoles(conninfo)), socket_path_(std::move(socket_path)) {}

runtime::Task<Result<std::unique_ptr<Entrance>>> RunningHost::Enter(EntryRequest request,
                                                                    runtime::CancelSource* cancel) {
  if (request.branch.name() == "missing") {
    co_return std::unexpected(Refuse(Refusal::kBranchNotFound, request.branch.name()));
  }
  asked_.fetch_add(1);
  {
    const std::scoped_lock lock(mutex_);
    last_peer_ = request.peer;
  }
  waiting_.fetch_add(1);
  const bool gone = co_await runtime::SleepUntil(*runtime::Shard::Current(),
                                                 MonotonicNow() + delay_.load(), cancel);
  waiting_.fetch_sub(1);
  if (gone) {
    left_.fetch_add(1);
    co_return std::unexpected(Refuse(Refusal::kBranchBeingMade, request.branch.name()));
  }
  co_return std::make_unique<Visit>(*this, request.branch.name());
}

}  // namespace prism::branching::testing
