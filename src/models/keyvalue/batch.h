// What batches need besides their store: items are checked and answered one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "models/keyvalue/record.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {

// A checked item of a BatchSet, ready for the store.
struct PreparedWrite {
  std::string tags;
  WallMillis expires_at = kNeverExpires;

  // `item` is the one that it was made from.
  KeyValueWrite WriteOf(const keyvalue::v1::BatchSetRequest::Item& item) const {
    return {.value = item.value(), .tags = tags, .expires_at = expires_at};
  }
};

// One for each item, in their order: ready, or why the item is refused.
std::vector<Result<PreparedWrite>> PrepareWrites(const keyvalue::v1::BatchSetRequest& request,
                                                 std::uint64_t max_value_bytes, WallMillis now);

// Counts the items of a BatchGet while they are read, so that a batch never holds more than can be
// sent.
class ResponseRoom {
 public:
  explicit ResponseRoom(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  // `record_bytes`: value and tags; 0 of an absent key. RESOURCE_EXHAUSTED/RESPONSE_TOO_LARGE.
  Status Add(std::string_view key, std::size_t record_bytes);

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
};

// Each adds the answer of the next item.
void AddWritten(std::string_view version, keyvalue::v1::BatchSetResponse& to);
void AddDeleted(bool existed, keyvalue::v1::BatchDeleteResponse& to);
void AddFound(const std::string& key, const RecordView& record, keyvalue::v1::BatchGetResponse& to);
void AddAbsent(keyvalue::v1::BatchGetResponse& to);
void AddFailed(const Error& error, keyvalue::v1::BatchSetResponse& to);
void AddFailed(const Error& error, keyvalue::v1::BatchGetResponse& to);
void AddFailed(const Error& error, keyvalue::v1::BatchDeleteResponse& to);

}  // namespace prism::models
