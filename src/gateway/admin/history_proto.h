// Rows of the histories of namespaces and backends as messages, which differ in the record alone.
#pragma once

#include "base/status.h"
#include "gateway/admin/times.h"
#include "namespaces/store/history.h"

namespace prism::gateway {

// `write(json, record)` makes a record of the JSON of the history.
template <class Change, class Write>
Status HistoryToProto(const namespaces::HistoryEntry& entry, Write write, Change& message) {
  message.set_revision(entry.revision);
  message.set_operation(entry.operation);
  SetTime(entry.changed_at * 1000, *message.mutable_time());
  message.set_changed_by(entry.changed_by);
  message.set_reason(entry.reason);
  message.set_id(entry.object_id);
  message.set_hash(entry.hash);
  if (entry.old_config) TRY(write(*entry.old_config, *message.mutable_before()));
  if (entry.new_config) TRY(write(*entry.new_config, *message.mutable_after()));
  return {};
}

}  // namespace prism::gateway
