// Between stored records and the messages of keyvalue.proto.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "models/keyvalue/record.h"
#include "models/keyvalue/validation.h"

namespace prism::models {

// Tags as stores keep them: for each pair, in order of the keys, the length of the key in one byte,
// the key, the length of the value in two bytes (low byte first), the value. No tags are no bytes.
std::string EncodeTags(const TagMap& tags);
// DATA_LOSS/RECORD_DAMAGED when the bytes are not what EncodeTags makes; `tags` may then hold a
// part of them.
Status DecodeTags(std::string_view bytes, TagMap& tags);

void SetTimestamp(WallMillis millis, google::protobuf::Timestamp& to);
void SetDuration(std::int64_t millis, google::protobuf::Duration& to);

// Value, version, expiry and tags of a record into an Entry, a GetResponse or a
// GetInTransactionResponse.
template <class To>
Status FillRecord(const RecordView& record, To& to) {
  // Not set_value(pointer, size): in protobuf 3.21 it makes a string first and copies that.
  to.mutable_value()->assign(record.value);
  to.mutable_version()->assign(record.version);
  if (record.expires_at != kNeverExpires)
    SetTimestamp(record.expires_at, *to.mutable_expire_time());
  if (!record.tags.empty()) TRY(DecodeTags(record.tags, *to.mutable_tags()));
  return {};
}

}  // namespace prism::models
