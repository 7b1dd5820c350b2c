// A Scan or ScanKeys between its pages: what to read next, and when a checkpoint is due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "models/keyvalue/pages.h"
#include "models/keyvalue/record.h"
#include "models/page_token.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {

// Made from a checked request; the request, `ns` and `key` outlive it. No I/O: the caller reads the
// pages and writes the messages.
//
//   while (true) {
//     read a page by plan.Next(), write its entries
//     if (auto token = plan.Advance(...)) write a checkpoint with it
//     if (plan.done()) return;
//   }
class ScanPlan {
 public:
  // INVALID_ARGUMENT by the rules of prefix, limit and page token.
  static Result<ScanPlan> From(const keyvalue::v1::ScanRequest& request, std::string_view ns,
                               const TokenKey& key);
  static Result<ScanPlan> From(const keyvalue::v1::ScanKeysRequest& request, std::string_view ns,
                               const TokenKey& key);

  // Views into the plan, until Advance. At most 250 entries and 1 MiB.
  ScanQuery Next() const;
  // After a page of `entries` entries, at most as many as Next allowed. `resume` is where the next
  // one goes on; `end`: nothing was behind this page. The page token of the checkpoint that is due
  // now (after 1000 entries and at the end), if one is; it is empty when nothing is left.
  std::optional<std::string> Advance(std::size_t entries, std::string resume, bool end);
  // Whether the last page has been written.
  bool done() const { return done_; }

 private:
  template <class Request>
  static Result<ScanPlan> Make(const Request& request, const TokenScope& scope,
                               const TokenKey& key);
  ScanPlan(const TokenScope& scope, const TokenKey& key) : scope_(scope), key_(&key) {}

  TokenScope scope_;
  const TokenKey* key_;
  std::string position_;  // continues behind this
  std::uint64_t left_ = 0;
  std::size_t since_checkpoint_ = 0;
  bool keys_only_ = false;
  bool done_ = false;
};

// One entry as a message of the stream.
Status FillEntry(std::string key, const RecordView& record, keyvalue::v1::ScanResponse& to);
Status FillEntry(std::string key, const RecordView& record, keyvalue::v1::ScanKeysResponse& to);

}  // namespace prism::models
