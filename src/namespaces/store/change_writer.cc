#include "namespaces/store/change_writer.h"

#include <fmt/format.h>

#include <set>

#include "namespaces/config_json.h"
#include "namespaces/store/purges.h"

namespace prism::namespaces {

namespace {

Result<std::optional<Record<BackendConfig>>> Find(sqlite::Connection& connection,
                                                  const Edit<BackendConfig>& edit) {
  TRY_ASSIGN(const auto rows, kBackendTable.Select(connection, "WHERE name = ?1", {&edit.name, 1}));
  if (rows.empty()) return std::nullopt;
  return ToBackendRecord(rows.front());
}

Result<std::optional<Record<NamespaceConfig>>> Find(sqlite::Connection& connection,
                                                    const Edit<NamespaceConfig>& edit) {
  TRY_ASSIGN(const auto rows,
             kNamespaceTable.Select(connection, "WHERE name = ?1", {&edit.name, 1}));
  if (rows.empty()) return std::nullopt;
  return ToNamespaceRecord(rows.front());
}

// Adds to `error` why the edit can't be made, if so.
template <class Config>
Status Compare(sqlite::Connection& connection, const Edit<Config>& edit, std::string_view kind,
               std::optional<Error>& error) {
  if (!edit.seen) return {};
  TRY_ASSIGN(const auto record, Find(connection, edit));
  const Revision now = record ? record->revision : 0;
  if (now == *edit.seen) return {};
  if (!error) {
    error = Error(Code::kAborted, "REVISION_MISMATCH",
                  "somebody else was faster: read again, and decide again")
                .With("revision", std::to_string(now));
  }
  error = std::move(*error).WithField(
      fmt::format("{}.{}", kind, edit.name),
      now == 0 ? fmt::format("is gone; you have seen revision {}", *edit.seen)
               : fmt::format("is at revision {}; you have seen {}", now, *edit.seen));
  return {};
}

std::optional<std::string> TextOf(const auto& optional_config) {
  if (!optional_config) return std::nullopt;
  return ToJsonText(*optional_config);
}

Error NothingThere(std::string_view reason, std::string_view kind, const std::string& name) {
  return {Code::kNotFound, reason, fmt::format("there is no {} \"{}\"", kind, name)};
}

}  // namespace

Result<Committed> ChangeWriter::Apply(const Change& change) {
  TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection_));
  state_ = state ? *state : NewState();
  TRY(CheckSeen(change));
  ++state_.revision;
  // What namespaces stand on comes first and goes last.
  for (const auto& edit : change.backends) {
    if (edit.to) TRY(Write(edit));
  }
  for (const auto& edit : change.namespaces) TRY(Write(edit));
  for (const auto& edit : change.backends) {
    if (!edit.to) TRY(Write(edit));
  }
  if (written_ == 0) return Committed{.revision = state_.revision - 1, .facts = {}};
  TRY(WriteState(connection_, state_));
  return Committed{.revision = state_.revision, .facts = std::move(facts_)};
}

Status ChangeWriter::CheckSeen(const Change& change) {
  std::optional<Error> error;
  for (const auto& edit : change.backends) TRY(Compare(connection_, edit, "backends", error));
  for (const auto& edit : change.namespaces) TRY(Compare(connection_, edit, "namespaces", error));
  if (error) return std::unexpected(*std::move(error));
  return {};
}

template <class Config>
Record<Config> ChangeWriter::NewRecord(const Edit<Config>& edit,
                                       const std::optional<Record<Config>>& old,
                                       std::int64_t id) const {
  return {.id = id,
          .config = *edit.to,
          .revision = state_.revision,
          .created_at = old ? old->created_at : now_,
          .updated_at = now_,
          .created_by = old ? old->created_by : author_.who};
}

template <class Config>
Status ChangeWriter::Remember(const History& history, const std::optional<Record<Config>>& old,
                              const Edit<Config>& edit, std::int64_t id, std::string& head) {
  ++written_;
  const std::optional<Config> before = old ? std::optional(old->config) : std::nullopt;
  return history.Append(connection_,
                        {.object_id = id,
                         .name = edit.name,
                         .operation = !edit.to      ? (edit.purge ? "purge" : "delete")
                                      : old         ? "update"
                                      : edit.old_id ? "restore"
                                                    : "create",
                         .changed_at = now_,
                         .changed_by = author_.who,
                         .reason = author_.reason,
                         .revision = state_.revision,
                         .old_config = TextOf(before),
                         .new_config = TextOf(edit.to)},
                        head);
}

Status ChangeWriter::Write(const Edit<BackendConfig>& edit) {
  TRY_ASSIGN(const auto old, Find(connection_, edit));
  if (!edit.to) {
    if (!old) return std::unexpected(NothingThere("BACKEND_NOT_FOUND", "backend", edit.name));
    TRY(kBackendTable.Delete(connection_, old->id));
    return Remember(kBackendHistory, old, edit, old->id, state_.backend_head);
  }
  if (old && old->config == *edit.to) return {};
  TRY_ASSIGN(const std::int64_t next, kBackendTable.NextId(connection_));
  const std::int64_t id = old ? old->id : edit.old_id.value_or(next);
  TRY(kBackendTable.Put(connection_, ToRow(NewRecord(edit, old, id))));
  return Remember(kBackendHistory, old, edit, id, state_.backend_head);
}

Status ChangeWriter::Write(const Edit<NamespaceConfig>& edit) {
  TRY_ASSIGN(const auto old, Find(connection_, edit));
  if (!edit.to) {
    if (!old) return std::unexpected(NothingThere("NAMESPACE_NOT_FOUND", "namespace", edit.name));
    TRY(kNamespaceTable.Delete(connection_, old->id));
    facts_.push_back({.name = edit.name, .to = {}});
    if (edit.purge) TRY(WritePurges(old->config));
    return Remember(kNamespaceHistory, old, edit, old->id, state_.namespace_head);
  }
  TRY_ASSIGN(const std::string type, TypeOf(*edit.to));
  if (old && old->config == *edit.to) return {};
  TRY_ASSIGN(const std::int64_t next, kNamespaceTable.NextId(connection_));
  const auto record = NewRecord(edit, old, old ? old->id : edit.old_id.value_or(next));
  // Not by REPLACE, which would take the features with it before they are written again.
  if (old) TRY(kNamespaceTable.Delete(connection_, old->id));
  TRY(kNamespaceTable.Insert(connection_, ToRow(record, type)));
  TRY(WriteFeatures(record));
  facts_.push_back({.name = edit.name, .to = FactsOf(record)});
  return Remember(kNamespaceHistory, old, edit, record.id, state_.namespace_head);
}

Status ChangeWriter::WritePurges(const NamespaceConfig& gone) {
  const std::vector<std::string> backends = BackendsOf(gone);
  for (const std::string& backend : std::set<std::string>(backends.begin(), backends.end())) {
    TRY(AddPurge(connection_, {.ns = gone.name,
                               .backend = backend,
                               .requested_at = now_,
                               .requested_by = author_.who,
                               .revision = state_.revision}));
  }
  return {};
}

Status ChangeWriter::WriteFeatures(const Record<NamespaceConfig>& record) {
  for (const auto& [name, on] : record.config.features) {
    TRY_ASSIGN(sqlite::Statement insert,
               connection_.Prepare("INSERT INTO namespace_features(namespace_id, feature_name, "
                                   "enabled, updated_at) VALUES(?1, ?2, ?3, ?4)"));
    TRY(insert.Int(1, record.id).Text(2, name).Int(3, on ? 1 : 0).Int(4, now_).Run());
  }
  return {};
}

Result<std::string> ChangeWriter::TypeOf(const NamespaceConfig& config) {
  TRY_ASSIGN(const auto rows,
             kBackendTable.Select(connection_, "WHERE name = ?1", {&config.backend, 1}));
  if (rows.empty()) {
    return std::unexpected(NothingThere("BACKEND_NOT_FOUND", "backend", config.backend));
  }
  return rows.front()[kBackendTable.Index("type")].value_or("");
}

}  // namespace prism::namespaces
