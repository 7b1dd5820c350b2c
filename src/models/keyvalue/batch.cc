#include "models/keyvalue/batch.h"

#include <fmt/format.h>

#include "models/keyvalue/record_fields.h"
#include "models/keyvalue/validation.h"

namespace prism::models {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

Result<PreparedWrite> Prepare(const BatchSetRequest::Item& item, std::uint64_t max_value_bytes,
                              WallMillis now) {
  TRY(CheckKey(item.key()));
  TRY(CheckValue(item.value(), max_value_bytes));
  TRY(CheckTags(item.tags()));
  TRY_ASSIGN(const WallMillis expires_at, ExpiryOf(item, now));
  return PreparedWrite{.tags = EncodeTags(item.tags()), .expires_at = expires_at};
}

// The next item; its status is set, also to OK.
template <class Response>
auto& AddItem(Response& to) {
  auto& item = *to.add_items();
  item.mutable_status();
  return item;
}

void FillItemStatus(const Error& error, ItemStatus& to) {
  to.set_code(static_cast<std::int32_t>(error.code()));
  to.set_reason(std::string(error.reason()));
  to.set_message(error.message());
}

}  // namespace

std::vector<Result<PreparedWrite>> PrepareWrites(const BatchSetRequest& request,
                                                 std::uint64_t max_value_bytes, WallMillis now) {
  std::vector<Result<PreparedWrite>> prepared;
  prepared.reserve(static_cast<std::size_t>(request.items_size()));
  for (const auto& item : request.items()) prepared.push_back(Prepare(item, max_value_bytes, now));
  return prepared;
}

Status ResponseRoom::Add(std::string_view key, std::size_t record_bytes) {
  constexpr std::size_t kItemBytes = 64;  // fields of an item beyond key, value and tags
  bytes_ += kItemBytes + key.size() + record_bytes;
  if (bytes_ <= max_bytes_) return {};
  return std::unexpected(
      Error(Code::kResourceExhausted, "RESPONSE_TOO_LARGE",
            fmt::format(
                "The answer would be larger than {} bytes. Ask for fewer keys at once, or stream "
                "them with KeyValueScan.Scan.",
                max_bytes_))
          .With("streaming_method", "prism.keyvalue.v1.KeyValueScan/Scan"));
}

void AddWritten(std::string_view version, BatchSetResponse& to) {
  AddItem(to).mutable_version()->assign(version);
}

void AddDeleted(bool existed, BatchDeleteResponse& to) { AddItem(to).set_existed(existed); }

void AddFound(const std::string& key, const RecordView& record, BatchGetResponse& to) {
  BatchGetResponse::Item& item = AddItem(to);
  item.set_found(true);
  item.mutable_entry()->set_key(key);
  if (const Status filled = FillRecord(record, *item.mutable_entry()); !filled) {
    FillItemStatus(filled.error(), *item.mutable_status());
  }
}

void AddAbsent(BatchGetResponse& to) { AddItem(to); }

void AddFailed(const Error& error, BatchSetResponse& to) {
  FillItemStatus(error, *AddItem(to).mutable_status());
}

void AddFailed(const Error& error, BatchGetResponse& to) {
  FillItemStatus(error, *AddItem(to).mutable_status());
}

void AddFailed(const Error& error, BatchDeleteResponse& to) {
  FillItemStatus(error, *AddItem(to).mutable_status());
}

}  // namespace prism::models
