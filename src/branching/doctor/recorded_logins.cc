#include "branching/doctor/recorded_logins.h"

#include <map>
#include <string>
#include <utility>

#include "branching/branches/journal.h"
#include "branching/branches/logins.h"

namespace prism::branching {
namespace {

Finding Judge(const std::string& source, const LoginRoles& roles) {
  Finding finding{.about = source == kSourceName ? "logins" : "logins of " + source,
                  .says = DescribeLogins(roles)};
  if (roles.without_password.empty()) return finding;
  const bool nobody_can = static_cast<int>(roles.without_password.size()) == roles.count;
  finding.health = nobody_can ? Health::kUnwell : Health::kNote;
  finding.advice = kGivePasswords;
  return finding;
}

}  // namespace

Result<std::vector<Finding>> CheckRecordedLogins(sqlite::Connection& journal) {
  TRY_ASSIGN(sqlite::Statement select,
             journal.Prepare("SELECT g.source, r.name, r.password IS NOT NULL FROM generations g "
                             "JOIN generation_roles r ON r.generation = g.id "
                             "WHERE r.may_login AND g.id = (SELECT n.id FROM generations n "
                             "WHERE n.source = g.source AND n.state = 'there' "
                             "ORDER BY n.as_of DESC, n.id DESC LIMIT 1) ORDER BY 1, 2"));
  std::map<std::string, LoginRoles> sources;
  while (true) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) break;
    sources[std::string(select.TextAt(0))].Add(select.TextAt(1), select.IntAt(2) != 0);
  }
  std::vector<Finding> findings;
  for (const auto& [source, roles] : sources) findings.push_back(Judge(source, roles));
  return findings;
}

}  // namespace prism::branching
