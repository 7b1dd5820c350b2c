// MemoryKeyValueStore::Transact: all stripes of a transaction are locked at once, in ascending
// order.
#include <bit>

#include "engine/memory/memory_keyvalue_store.h"

namespace prism::engine {
namespace {

SpaceDelta DeltaOfRemoval(const KeyValueTable::Entry* current) {
  if (current == nullptr) return {};
  return {.bytes = -static_cast<std::int64_t>(current->bytes()),
          .keys = -1,
          .overhead = -static_cast<std::int64_t>(KeyValueTable::kEntryOverhead)};
}

}  // namespace

std::uint64_t MemoryKeyValueStore::StripesOf(std::span<const TransactPrecondition> preconditions,
                                             std::span<const TransactOperation> operations) {
  std::uint64_t stripes = 0;
  const auto add = [&](std::string_view key) {
    stripes |= std::uint64_t{1} << (&Locate(key).stripe - stripes_.data());
  };
  for (const TransactPrecondition& precondition : preconditions) add(precondition.key);
  for (const TransactOperation& operation : operations) add(operation.key);
  return stripes;
}

std::optional<std::size_t> MemoryKeyValueStore::FirstConflict(
    std::span<const TransactPrecondition> preconditions, WallMillis now) {
  for (std::size_t i = 0; i < preconditions.size(); ++i) {
    const Place place = Locate(preconditions[i].key);
    const Entry* entry = place.stripe.table.Find(preconditions[i].key, place.hash);
    const bool absent = entry == nullptr || entry->ExpiredAt(now);
    if ((absent ? kNoVersion : entry->record.version) != preconditions[i].version) return i;
  }
  return std::nullopt;
}

SpaceDelta MemoryKeyValueStore::DeltaOf(std::span<const TransactOperation> operations,
                                        std::span<const Incoming> incoming) {
  SpaceDelta sum;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Place place = Locate(operations[i].key);
    const Entry* current = place.stripe.table.Find(operations[i].key, place.hash);
    const SpaceDelta delta = operations[i].kind == TransactOperation::Kind::kSet
                                 ? DeltaOfSet(current, operations[i].key, incoming[i])
                                 : DeltaOfRemoval(current);
    sum.bytes += delta.bytes;
    sum.keys += delta.keys;
    sum.overhead += delta.overhead;
  }
  return sum;
}

Result<TransactOutcome> MemoryKeyValueStore::TransactOnce(
    std::span<const TransactPrecondition> preconditions,
    std::span<const TransactOperation> operations, std::span<Incoming> incoming, WallMillis now) {
  std::vector<Removed> trash;  // before the locks: freed after them
  std::array<std::unique_lock<StripeMutex>, kStripes> locks;
  for (std::uint64_t left = StripesOf(preconditions, operations); left != 0; left &= left - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(left));
    locks[index] = std::unique_lock(stripes_[index].mutex);
  }

  TransactOutcome outcome;
  if (const auto conflict = FirstConflict(preconditions, now)) {
    outcome.conflict = *conflict;
    return outcome;
  }
  TRY(space_.Reserve(DeltaOf(operations, incoming)));
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Place place = Locate(operations[i].key);
    Entry* current = place.stripe.table.Find(operations[i].key, place.hash);
    if (operations[i].kind == TransactOperation::Kind::kSet) {
      outcome.versions.push_back(
          Write(place.stripe, place.hash, current, operations[i].key, incoming[i]));
      continue;
    }
    if (current != nullptr) {
      trash.push_back(place.stripe.table.Remove(*current));
      NoteDue(place.stripe);
    }
    outcome.versions.push_back(kNoVersion);
  }
  outcome.committed = true;
  return outcome;
}

Result<TransactOutcome> MemoryKeyValueStore::Transact(
    std::span<const TransactPrecondition> preconditions,
    std::span<const TransactOperation> operations, WallMillis now) {
  std::vector<Incoming> incoming;
  incoming.reserve(operations.size());
  for (const TransactOperation& operation : operations) incoming.emplace_back(operation.write);
  return WithRoom(now, [&] { return TransactOnce(preconditions, operations, incoming, now); });
}

}  // namespace prism::engine
