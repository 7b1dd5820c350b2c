#include "branching/doctor/mending.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "branching/branches/recovery.h"
#include "branching/branches/volume_server.h"
#include "branching/doctor/what_is_there.h"
#include "branching/instances/pool_work.h"

namespace prism::branching {
namespace {

using runtime::Task;

// Blocks.
Result<std::vector<std::string>> StrayRunDirectories(const Workshop& workshop) {
  std::set<std::string> named;
  TRY_ASSIGN(const std::vector<Branch> branches, workshop.journal.Branches());
  for (const Branch& branch : branches) named.insert(branch.volume);
  TRY_ASSIGN(const std::vector<std::string> generations, workshop.journal.Generations());
  named.insert(generations.begin(), generations.end());
  TRY_ASSIGN(const std::vector<std::string> unfinished, workshop.journal.Unfinished());
  named.insert(unfinished.begin(), unfinished.end());
  TRY_ASSIGN(const ServersThere servers, FindServers(workshop.run_directory));
  std::vector<std::string> strays;
  for (const auto& [volume, server] : servers) {
    if (!named.contains(volume)) strays.push_back(volume);
  }
  return strays;
}

}  // namespace

Task<Status> Mend(Workshop* workshop) {
  Status there = co_await RunOnPool(workshop->pool, [&]() -> Status {
    TRY(workshop->MakeRunDirectories());
    return CheckStore(*workshop);
  });
  CO_TRY(std::move(there));
  auto cleared = co_await ClearUnfinished(workshop);
  CO_TRY(std::move(cleared));
  auto restored = co_await RestoreLost(workshop);
  CO_TRY(std::move(restored));
  auto strays = co_await RunOnPool(workshop->pool, [&] { return StrayRunDirectories(*workshop); });
  CO_TRY_ASSIGN(const std::vector<std::string> volumes, std::move(strays));
  for (const std::string& volume : volumes) {
    Status ended = co_await EndServer(workshop, volume);
    CO_TRY(std::move(ended));
    Status removed =
        co_await RunOnPool(workshop->pool, [&] { return workshop->RemoveRunDirectory(volume); });
    CO_TRY(std::move(removed));
  }
  co_return Status();
}

}  // namespace prism::branching
