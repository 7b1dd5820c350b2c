#include "app/config_changer.h"

#include <utility>

namespace prism::app {

Result<ConfigChanger::Outcome> ConfigChanger::Apply(const Plan& plan, const Options& options) {
  const namespaces::StoredConfig& current = parts_.config.current();
  TRY_ASSIGN(namespaces::Change change, plan(current));
  auto next = std::make_shared<namespaces::Snapshot>(Changed(*current.snapshot, change));
  return Make(std::move(change), std::move(next), options);
}

Status ConfigChanger::Use(const namespaces::Snapshot& file) {
  auto next = std::make_shared<namespaces::Snapshot>(*parts_.config.Choose(file));
  namespaces::Change change = Difference(*parts_.config.current().snapshot, *next);
  const auto made = Make(std::move(change), std::move(next),
                         {.author = {"import", "configuration file"}, .force = true});
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<ConfigChanger::Outcome> ConfigChanger::Make(namespaces::Change change,
                                                   std::shared_ptr<namespaces::Snapshot> next,
                                                   const Options& options) {
  const namespaces::StoredConfig& current = parts_.config.current();
  TRY(CheckReferences(*next));
  TRY(parts_.identity.Check(*next));
  const bool same = Difference(*current.snapshot, *next).empty();
  next->revision = current.revision + (same ? 0 : 1);
  auto table = parts_.binder.Bind(next);
  TRY(parts_.binder.Check(*table, options.force));
  Outcome outcome{.change = std::move(change), .revision = next->revision, .table = table};
  if (options.dry_run) return outcome;
  TRY(parts_.config.Store(outcome.change, next, options.author, options.also));
  TRY(parts_.identity.Use(*next));
  parts_.gateway.Publish(table);
  parts_.changes.Announce(table);
  parts_.binder.Commit(std::move(table));
  return outcome;
}

}  // namespace prism::app
