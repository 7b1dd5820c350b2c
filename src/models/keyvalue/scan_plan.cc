#include "models/keyvalue/scan_plan.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "models/keyvalue/record_fields.h"
#include "models/keyvalue/validation.h"

namespace prism::models {
namespace {

constexpr std::size_t kCheckpointEvery = 1000;
constexpr std::size_t kPageEntries = 250;
constexpr std::size_t kPageBytes = 1u << 20;

}  // namespace

template <class Request>
Result<ScanPlan> ScanPlan::Make(const Request& request, const TokenScope& scope,
                                const TokenKey& key) {
  TRY(CheckPrefix(request.prefix()));
  TRY(CheckLimit(request.limit()));
  ScanPlan plan(scope, key);
  plan.left_ = request.limit() == 0 ? std::numeric_limits<std::uint64_t>::max()
                                    : static_cast<std::uint64_t>(request.limit());
  if (!request.page_token().empty()) {
    TRY_ASSIGN(plan.position_, ReadPageToken(key, scope, request.page_token()));
  }
  return plan;
}

Result<ScanPlan> ScanPlan::From(const keyvalue::v1::ScanRequest& request, std::string_view ns,
                                const TokenKey& key) {
  TRY_ASSIGN(
      ScanPlan plan,
      Make(request, {.ns = ns, .method = "keyvalue_scan.scan", .query = request.prefix()}, key));
  plan.keys_only_ = request.keys_only();
  return plan;
}

Result<ScanPlan> ScanPlan::From(const keyvalue::v1::ScanKeysRequest& request, std::string_view ns,
                                const TokenKey& key) {
  TRY_ASSIGN(ScanPlan plan,
             Make(request,
                  {.ns = ns, .method = "keyvalue_scan.scan_keys", .query = request.prefix()}, key));
  plan.keys_only_ = true;
  return plan;
}

ScanQuery ScanPlan::Next() const {
  const std::uint64_t room =
      std::min<std::uint64_t>(kPageEntries, kCheckpointEvery - since_checkpoint_);
  return {.prefix = scope_.query,
          .after = position_,
          .max_entries = static_cast<std::size_t>(std::min(room, left_)),
          .max_bytes = kPageBytes,
          .keys_only = keys_only_};
}

std::optional<std::string> ScanPlan::Advance(std::size_t entries, std::string resume, bool end) {
  left_ -= entries;
  since_checkpoint_ += entries;
  position_ = std::move(resume);
  done_ = end || left_ == 0;
  if (!done_ && since_checkpoint_ < kCheckpointEvery) return std::nullopt;
  since_checkpoint_ = 0;
  return end ? std::string() : MakePageToken(*key_, scope_, position_);
}

Status FillEntry(std::string key, const RecordView& record, keyvalue::v1::ScanResponse& to) {
  keyvalue::v1::Entry& filled = *to.mutable_entry();
  filled.Clear();
  filled.set_key(std::move(key));
  return FillRecord(record, filled);
}

Status FillEntry(std::string key, const RecordView& /*record*/,
                 keyvalue::v1::ScanKeysResponse& to) {
  to.set_key(std::move(key));
  return {};
}

}  // namespace prism::models
