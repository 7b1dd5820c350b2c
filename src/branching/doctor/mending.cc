#include "branching/doctor/mending.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "branching/branches/pool_work.h"
#include "branching/branches/recovery.h"
#include "branching/branches/volume_server.h"

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
  std::vector<std::string> strays;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(workshop.run_directory, failed);
       !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    std::string name = entry->path().filename().string();
    if (!named.contains(name)) strays.push_back(std::move(name));
  }
  return strays;
}

Task<Status> EndServer(Workshop* workshop, std::string volume) {
  auto found = co_await FindServer(workshop, volume);
  CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(found));
  if (instance != nullptr) {
    auto stopped = co_await instance->Stop({});
    CO_TRY(std::move(stopped));
  }
  co_return co_await RunOnPool(workshop->pool,
                               [&] { return workshop->RemoveRunDirectory(volume); });
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
  }
  co_return Status();
}

}  // namespace prism::branching
