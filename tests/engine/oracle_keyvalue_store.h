// What a KeyValueStore should do, in the most obvious way: the reference for random commands.
#pragma once

#include <map>
#include <string>

#include "contract/backend.h"
#include "engine/keyvalue_store.h"

namespace prism::engine::testing {

// One sorted map. Everything that has expired is removed before each call, so what is in the map is
// what is there. One thread.
class OracleKeyValueStore final : public KeyValueStore {
 public:
  explicit OracleKeyValueStore(const contract::NamespaceSettings& settings) : settings_(settings) {}

  Result<std::optional<KeyValueRecord>> Get(std::string_view key, WallMillis now) override;
  Result<bool> Exists(std::string_view key, WallMillis now) override;
  Result<std::optional<KeyValueRecord>> GetMeta(std::string_view key, WallMillis now) override;
  Result<Version> Set(std::string_view key, const KeyValueWrite& write, WallMillis now) override;
  Result<bool> Delete(std::string_view key, WallMillis now) override;
  Result<ScanPage> Scan(const ScanQuery& query, WallMillis now) override;
  Result<PrefixProgress> CountPage(std::string_view prefix, std::string_view cursor,
                                   std::size_t max_visited, WallMillis now) override;
  Result<PrefixProgress> DeletePrefixPage(std::string_view prefix, std::string_view cursor,
                                          std::size_t max_visited, WallMillis now) override;
  Result<bool> Expire(std::string_view key, WallMillis expires_at, WallMillis now) override;
  Result<bool> Persist(std::string_view key, WallMillis now) override;
  Result<SwapOutcome> CompareAndSwap(std::string_view key, const KeyValueExpectation& expect,
                                     const KeyValueWrite& write, WallMillis now) override;
  Result<SwapOutcome> CompareAndDelete(std::string_view key, const KeyValueExpectation& expect,
                                       WallMillis now) override;
  Result<IncrementOutcome> Increment(std::string_view key, std::int64_t delta,
                                     WallMillis now) override;
  Result<TransactOutcome> Transact(std::span<const TransactPrecondition> preconditions,
                                   std::span<const TransactOperation> operations,
                                   WallMillis now) override;
  Result<bool> Sweep(WallMillis now, std::size_t budget) override;

 private:
  using Map = std::map<std::string, KeyValueRecord, std::less<>>;

  const KeyValueRecord* Find(std::string_view key, WallMillis now);
  void RemoveExpired(WallMillis now);
  std::uint64_t Bytes() const;
  Status CheckQuota() const;
  Version Apply(const TransactOperation& operation);

  const contract::NamespaceSettings settings_;
  Map map_;
  Version last_version_ = 0;
};

}  // namespace prism::engine::testing
