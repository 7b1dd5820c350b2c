// Where the engine's records meet the rules that all implementations share: its versions are
// numbers, theirs are text.
#pragma once

#include <string_view>

#include "engine/keyvalue_store.h"
#include "models/keyvalue/record.h"
#include "models/keyvalue/record_fields.h"
#include "models/keyvalue/version_text.h"

namespace prism::engine {

// kNoVersion for what no store of ours gave.
inline Version VersionOf(std::string_view text) {
  return models::ParseVersion(text).value_or(kNoVersion);
}

// Views into the same message.
inline KeyValueExpectation ExpectationOf(const models::CheckedExpectation& expect) {
  return {.kind = expect.kind, .value = expect.value, .version = VersionOf(expect.version)};
}

// `version` is the text of the record's own; both outlive the view.
inline models::RecordView ViewOf(const KeyValueRecord& record, const models::VersionText& version) {
  return {.value = record.value.view(),
          .tags = record.tags.view(),
          .version = version.view(),
          .expires_at = record.expires_at};
}

template <class To>
Status FillRecord(const KeyValueRecord& record, To& to) {
  return models::FillRecord(ViewOf(record, models::VersionText(record.version)), to);
}

}  // namespace prism::engine
