#include "tests/engine/oracle_keyvalue_store.h"

#include "models/errors.h"
#include "models/keyvalue/decimal.h"

namespace prism::engine::testing {

void OracleKeyValueStore::RemoveExpired(WallMillis now) {
  std::erase_if(map_, [now](const auto& item) {
    return item.second.expires_at != kNeverExpires && item.second.expires_at <= now;
  });
}

const KeyValueRecord* OracleKeyValueStore::Find(std::string_view key, WallMillis now) {
  RemoveExpired(now);
  const auto at = map_.find(key);
  return at == map_.end() ? nullptr : &at->second;
}

std::uint64_t OracleKeyValueStore::Bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [key, record] : map_)
    bytes += key.size() + record.value.size() + record.tags.size();
  return bytes;
}

Status OracleKeyValueStore::CheckQuota() const {
  if (settings_.max_bytes != 0 && Bytes() > settings_.max_bytes) {
    return std::unexpected(models::QuotaError("max_bytes", settings_.max_bytes));
  }
  if (settings_.max_keys != 0 && map_.size() > settings_.max_keys) {
    return std::unexpected(models::QuotaError("max_keys", settings_.max_keys));
  }
  return {};
}

Version OracleKeyValueStore::Apply(const TransactOperation& operation) {
  if (operation.kind == TransactOperation::Kind::kDelete) {
    const auto at = map_.find(operation.key);
    if (at != map_.end()) map_.erase(at);
    return kNoVersion;
  }
  map_[std::string(operation.key)] = {.value = base::Buffer::Copy(operation.write.value),
                                      .tags = base::Buffer::Copy(operation.write.tags),
                                      .version = ++last_version_,
                                      .expires_at = operation.write.expires_at};
  return last_version_;
}

Result<std::optional<KeyValueRecord>> OracleKeyValueStore::Get(std::string_view key,
                                                               WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

Result<bool> OracleKeyValueStore::Exists(std::string_view key, WallMillis now) {
  return Find(key, now) != nullptr;
}

Result<std::optional<KeyValueRecord>> OracleKeyValueStore::GetMeta(std::string_view key,
                                                                   WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  if (found == nullptr) return std::nullopt;
  return KeyValueRecord{.version = found->version, .expires_at = found->expires_at};
}

Result<Version> OracleKeyValueStore::Set(std::string_view key, const KeyValueWrite& write,
                                         WallMillis now) {
  const TransactOperation operation = {.key = key, .write = write};
  TRY_ASSIGN(const auto outcome, Transact({}, {&operation, 1}, now));
  return outcome.versions.front();
}

Result<bool> OracleKeyValueStore::Delete(std::string_view key, WallMillis now) {
  const bool existed = Find(key, now) != nullptr;
  if (existed) map_.erase(std::string(key));
  return existed;
}

// The whole answer in one page: subjects are read to the end before they are compared.
Result<ScanPage> OracleKeyValueStore::Scan(const ScanQuery& query, WallMillis now) {
  RemoveExpired(now);
  ScanPage page;
  for (const auto& [key, record] : map_) {
    if (!key.starts_with(query.prefix) || key <= query.after) continue;
    KeyValueRecord shown = record;
    if (query.keys_only) shown.value = shown.tags = base::Buffer();
    page.entries.push_back({.key = key, .record = shown});
  }
  page.end = true;
  return page;
}

Result<PrefixProgress> OracleKeyValueStore::CountPage(std::string_view prefix, std::string_view,
                                                      std::size_t, WallMillis now) {
  RemoveExpired(now);
  PrefixProgress progress = {.end = true};
  for (const auto& [key, record] : map_) progress.keys += key.starts_with(prefix) ? 1 : 0;
  return progress;
}

Result<PrefixProgress> OracleKeyValueStore::DeletePrefixPage(std::string_view prefix,
                                                             std::string_view, std::size_t,
                                                             WallMillis now) {
  RemoveExpired(now);
  return PrefixProgress{
      .keys = std::erase_if(map_, [&](const auto& item) { return item.first.starts_with(prefix); }),
      .end = true};
}

Result<bool> OracleKeyValueStore::Expire(std::string_view key, WallMillis expires_at,
                                         WallMillis now) {
  if (Find(key, now) == nullptr) return false;
  map_.find(key)->second.expires_at = expires_at;
  return true;
}

Result<bool> OracleKeyValueStore::Persist(std::string_view key, WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  if (found == nullptr || found->expires_at == kNeverExpires) return false;
  map_.find(key)->second.expires_at = kNeverExpires;
  return true;
}

Result<SwapOutcome> OracleKeyValueStore::CompareAndSwap(std::string_view key,
                                                        const KeyValueExpectation& expect,
                                                        const KeyValueWrite& write,
                                                        WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  if (!expect.Holds(found)) {
    if (found == nullptr) return SwapOutcome();
    return SwapOutcome{.version = found->version, .current = *found};
  }
  TRY_ASSIGN(const Version version, Set(key, write, now));
  return SwapOutcome{.done = true, .version = version};
}

Result<SwapOutcome> OracleKeyValueStore::CompareAndDelete(std::string_view key,
                                                          const KeyValueExpectation& expect,
                                                          WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  if (found == nullptr) return SwapOutcome();
  if (!expect.Holds(found)) return SwapOutcome{.version = found->version, .current = *found};
  map_.erase(std::string(key));
  return SwapOutcome{.done = true};
}

Result<IncrementOutcome> OracleKeyValueStore::Increment(std::string_view key, std::int64_t delta,
                                                        WallMillis now) {
  const KeyValueRecord* found = Find(key, now);
  const auto before = found == nullptr ? 0 : models::ParseDecimal(found->value.view());
  if (!before) return IncrementOutcome{.kind = IncrementOutcome::Kind::kNotAnInteger};
  const auto after = models::AddDecimal(*before, delta);
  if (!after) return IncrementOutcome{.kind = IncrementOutcome::Kind::kOverflow};
  const std::string text = std::to_string(*after);
  const base::Buffer tags = found == nullptr ? base::Buffer() : found->tags;
  const WallMillis expires_at = found == nullptr ? kNeverExpires : found->expires_at;
  TRY_ASSIGN(const Version version,
             Set(key, {.value = text, .tags = tags.view(), .expires_at = expires_at}, now));
  return IncrementOutcome{.value = *after, .version = version};
}

Result<TransactOutcome> OracleKeyValueStore::Transact(
    std::span<const TransactPrecondition> preconditions,
    std::span<const TransactOperation> operations, WallMillis now) {
  TransactOutcome outcome;
  for (; outcome.conflict < preconditions.size(); ++outcome.conflict) {
    const TransactPrecondition& precondition = preconditions[outcome.conflict];
    const KeyValueRecord* found = Find(precondition.key, now);
    if ((found == nullptr ? kNoVersion : found->version) != precondition.version) return outcome;
  }
  RemoveExpired(now);
  std::vector<std::pair<std::string, std::optional<KeyValueRecord>>> undo;
  for (const TransactOperation& operation : operations) {
    const auto at = map_.find(operation.key);
    undo.emplace_back(operation.key, at == map_.end() ? std::nullopt : std::optional(at->second));
    outcome.versions.push_back(Apply(operation));
  }
  if (const Status fits = CheckQuota(); !fits) {
    for (auto& [key, record] : undo) {
      map_.erase(key);
      if (record) map_[key] = *record;
    }
    return std::unexpected(fits.error());
  }
  outcome.conflict = 0;
  outcome.committed = true;
  return outcome;
}

Result<bool> OracleKeyValueStore::Sweep(WallMillis now, std::size_t) {
  RemoveExpired(now);
  return false;
}

}  // namespace prism::engine::testing
