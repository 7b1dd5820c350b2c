#include "app/config_changer.h"

#include <algorithm>
#include <utility>

#include "app/purger.h"

namespace prism::app {

namespace {

template <class Config>
bool Differs(const namespaces::Edit<Config>& edit, const Config* now) {
  return edit.to ? now == nullptr || *now != *edit.to : now != nullptr;
}

// As the store decides it: whether a record becomes another one.
bool HasEffect(const namespaces::Change& change, const namespaces::Snapshot& current) {
  return std::ranges::any_of(
             change.backends,
             [&](const auto& edit) { return Differs(edit, current.FindBackend(edit.name)); }) ||
         std::ranges::any_of(change.namespaces, [&](const auto& edit) {
           return Differs(edit, current.FindNamespace(edit.name));
         });
}

}  // namespace

Result<ConfigChanger::Outcome> ConfigChanger::Apply(const Plan& plan, const Options& options) {
  const namespaces::StoredConfig& current = parts_.config.current();
  TRY_ASSIGN(namespaces::Change change, plan(current));
  auto next = std::make_shared<namespaces::Snapshot>(Changed(*current.snapshot, change));
  return Make(std::move(change), std::move(next), options);
}

Status ConfigChanger::Use(const namespaces::Snapshot& file) {
  auto next = std::make_shared<namespaces::Snapshot>(*parts_.config.Choose(file));
  namespaces::Change change = Difference(*parts_.config.current().snapshot, *next);
  const Options options{.author = ConfigKeeper::ImportAuthor(*next),
                        .also = parts_.config.ImportEntry(change, *next),
                        .force = true};
  const auto made = Make(std::move(change), std::move(next), options);
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<ConfigChanger::Outcome> ConfigChanger::Make(namespaces::Change change,
                                                   std::shared_ptr<namespaces::Snapshot> next,
                                                   const Options& options) {
  const namespaces::StoredConfig& current = parts_.config.current();
  TRY(CheckNoPurge(parts_.config.purges(), change));
  TRY(CheckReferences(*next));
  TRY(parts_.identity.Check(*next));
  next->revision = current.revision + (HasEffect(change, *current.snapshot) ? 1 : 0);
  auto table = parts_.binder.Bind(next);
  TRY(parts_.binder.Check(*table, options.force));
  TRY(CheckPurgeable(change, *current.snapshot, *table));
  Outcome outcome{.change = std::move(change), .revision = next->revision, .table = table};
  if (options.dry_run) return outcome;
  TRY(parts_.config.Store(outcome.change, next, options.author, options.also));
  TRY(parts_.identity.Use(*next));
  parts_.changes.Install(table, parts_.config.current().facts);
  parts_.gateway.Publish(table);
  parts_.changes.Ring();
  parts_.binder.Commit(std::move(table));
  return outcome;
}

}  // namespace prism::app
