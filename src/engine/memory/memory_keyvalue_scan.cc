// The parts of MemoryKeyValueStore that go over many keys.
#include <algorithm>
#include <queue>

#include "engine/memory/memory_keyvalue_store.h"

namespace prism::engine {
namespace {

// Entries that one hold of a stripe's lock looks at, at most.
constexpr std::size_t kVisitsPerLock = 256;

}  // namespace

// One stripe's contribution to a page: a few entries at a time, copied under the lock.
class MemoryKeyValueStore::ScanCursor {
 public:
  ScanCursor(Stripe& stripe, const ScanQuery& query, WallMillis now, std::size_t chunk)
      : stripe_(&stripe), query_(&query), now_(now), chunk_size_(chunk), after_(query.after) {}

  // False at the end of the stripe's keys under the prefix.
  bool Load() {
    while (next_ == chunk_.size() && !exhausted_) Fill();
    return next_ < chunk_.size();
  }
  ScannedEntry& front() { return chunk_[next_]; }
  ScannedEntry Take() { return std::move(chunk_[next_++]); }

 private:
  void Fill() {
    chunk_.clear();
    next_ = 0;
    const std::lock_guard lock(stripe_->mutex);
    auto at = stripe_->table.Seek(query_->prefix, after_);
    std::string_view last;
    for (std::size_t visits = 0; visits < kVisitsPerLock && chunk_.size() < chunk_size_;
         ++at, ++visits) {
      if (at == stripe_->table.end() || !at->key().starts_with(query_->prefix)) {
        exhausted_ = true;
        return;
      }
      if (!at->entry->ExpiredAt(now_)) Copy(*at->entry);
      last = at->key();
    }
    after_ = last;
  }
  void Copy(const Entry& entry) {
    ScannedEntry& copy = chunk_.emplace_back();
    copy.key = entry.key();
    copy.record = query_->keys_only ? WithoutBytes(entry.record) : entry.record;
  }

  Stripe* stripe_;
  const ScanQuery* query_;
  WallMillis now_;
  std::size_t chunk_size_;
  std::string after_;
  std::vector<ScannedEntry> chunk_;
  std::size_t next_ = 0;
  bool exhausted_ = false;
};

// Merges the stripes in byte order. A key that exists during the whole page is found once: it stays
// in its stripe, and each stripe is read upwards.
Result<ScanPage> MemoryKeyValueStore::Scan(const ScanQuery& query, WallMillis now) {
  // A stripe holds about its share of a page: twice that makes a second look rare.
  const std::size_t chunk =
      std::clamp<std::size_t>(2 * query.max_entries / kStripes, 1, kVisitsPerLock);
  std::vector<ScanCursor> cursors;
  cursors.reserve(kStripes);
  const auto later = [](ScanCursor* a, ScanCursor* b) { return a->front().key > b->front().key; };
  std::priority_queue<ScanCursor*, std::vector<ScanCursor*>, decltype(later)> heads(later);
  for (Stripe& stripe : stripes_) {
    cursors.emplace_back(stripe, query, now, chunk);
    if (cursors.back().Load()) heads.push(&cursors.back());
  }

  ScanPage page;
  std::size_t bytes = 0;
  while (!heads.empty() && page.entries.size() < query.max_entries) {
    ScanCursor* head = heads.top();
    const ScannedEntry& entry = head->front();
    bytes += entry.key.size() + entry.record.value.size() + entry.record.tags.size();
    if (bytes > query.max_bytes && !page.entries.empty()) break;
    heads.pop();
    page.entries.push_back(head->Take());
    if (head->Load()) heads.push(head);
  }
  page.end = heads.empty();
  if (!page.end) page.resume = page.entries.back().key;
  return page;
}

// Goes stripe by stripe, since the order does not matter. A cursor is the number of a stripe in one
// byte and the last key that was visited in it. `visit(stripe, entries, trash)` gets what one hold
// of the lock covers, answers how many of them count, and may remove them.
template <class Visit>
PrefixProgress MemoryKeyValueStore::WalkPrefix(std::string_view prefix, std::string_view cursor,
                                               std::size_t max_visited, Visit visit) {
  std::size_t index = cursor.empty() ? 0 : static_cast<unsigned char>(cursor.front());
  std::string after(cursor.substr(std::min<std::size_t>(1, cursor.size())));
  PrefixProgress progress;
  while (index < kStripes) {
    if (max_visited == 0) {
      progress.cursor = static_cast<char>(index) + after;
      return progress;
    }
    std::vector<Removed> trash;  // freed after the lock
    std::vector<Entry*> entries;
    Stripe& stripe = stripes_[index];
    const std::lock_guard lock(stripe.mutex);
    const std::size_t visits = std::min(max_visited, kVisitsPerLock);
    auto at = stripe.table.Seek(prefix, after);
    const auto inside = [&] { return at != stripe.table.end() && at->key().starts_with(prefix); };
    for (; entries.size() < visits && inside(); ++at) entries.push_back(at->entry);
    max_visited -= entries.size();
    const bool finished = entries.size() < visits;
    if (finished) {
      ++index;
      after.clear();
    } else {
      after = entries.back()->key();
    }
    progress.keys += visit(stripe, entries, trash);
  }
  progress.end = true;
  return progress;
}

Result<PrefixProgress> MemoryKeyValueStore::CountPage(std::string_view prefix,
                                                      std::string_view cursor,
                                                      std::size_t max_visited, WallMillis now) {
  const auto live = [now](const Entry* entry) { return !entry->ExpiredAt(now); };
  return WalkPrefix(prefix, cursor, max_visited,
                    [&](Stripe&, const std::vector<Entry*>& entries, std::vector<Removed>&) {
                      return static_cast<std::uint64_t>(std::ranges::count_if(entries, live));
                    });
}

Result<PrefixProgress> MemoryKeyValueStore::DeletePrefixPage(std::string_view prefix,
                                                             std::string_view cursor,
                                                             std::size_t max_visited,
                                                             WallMillis now) {
  const auto live = [now](const Entry* entry) { return !entry->ExpiredAt(now); };
  return WalkPrefix(
      prefix, cursor, max_visited,
      [&](Stripe& stripe, const std::vector<Entry*>& entries, std::vector<Removed>& trash) {
        const auto counted = static_cast<std::uint64_t>(std::ranges::count_if(entries, live));
        for (Entry* entry : entries) trash.push_back(RemoveEntry(stripe, *entry));
        return counted;
      });
}

}  // namespace prism::engine
