// Branches whose data were damaged before anybody was in them: what they were made of is made
// again, and they of that.
#include "branching/branches/branch_changing.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"

namespace prism::branching {

using runtime::Task;

void BranchManager::Distrust(std::string_view source, const std::string& generation) {
  const auto it = sources_.find(source);
  if (it != sources_.end()) it->second.follower->Distrust(generation);
}

bool BranchManager::DistrustIfDamaged(const BranchSlot& slot, const Error& error) {
  if (!IsAsMade(slot) || !SaysDamage(error)) return false;
  Distrust(slot.branch.source, slot.branch.generation);
  return true;
}

Task<Status> BranchManager::ReplaceDamaged(BranchSlot* slot) {
  const auto it = sources_.find(slot->branch.source);
  if (!IsAsMade(*slot) || slot->changing || it == sources_.end()) co_return Status();
  const Generation newest = it->second.follower->newest();
  const std::string& generation = slot->branch.generation;
  if (!it->second.follower->distrusts(generation) || newest.id == generation) co_return Status();
  const Changing changing(*slot);
  Replacement with = ByNewest(newest);
  with.keeps_old = false;
  Status replaced = co_await MakeReplacement(slot, std::move(with));
  if (!replaced && SaysDamage(replaced.error())) Distrust(newest.source, newest.id);
  CO_TRY(std::move(replaced));
  workshop_.logger.Info("branch_made_again",
                        {{"branch", slot->branch.name}, {"generation", slot->branch.generation}});
  co_return Status();
}

}  // namespace prism::branching
