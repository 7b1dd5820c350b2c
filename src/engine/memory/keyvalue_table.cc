#include "engine/memory/keyvalue_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace prism::engine {

void KeyValueTable::FreeEntry::operator()(Entry* entry) const noexcept {
  entry->~Entry();
  ::operator delete(entry);
}

std::uint64_t KeyValueTable::Head::Word(std::string_view key, std::size_t from) {
  if (key.size() <= from) return 0;
  std::uint64_t word = 0;
  std::memcpy(&word, key.data() + from, std::min<std::size_t>(8, key.size() - from));
  static_assert(std::endian::native == std::endian::little);
  return __builtin_bswap64(word);
}

KeyValueTable::~KeyValueTable() {
  for (const Ordered& ordered : order_) FreeEntry()(ordered.entry);
}

KeyValueTable::Entry& KeyValueTable::Insert(std::string_view key, std::uint64_t hash) {
  if (2 * order_.size() >= buckets_.size()) Grow();
  auto* entry = ::new (::operator new(sizeof(Entry) + key.size())) Entry();
  std::memcpy(static_cast<void*>(entry + 1), key.data(), key.size());
  entry->key_size_ = static_cast<std::uint32_t>(key.size());
  entry->hash_ = hash;
  Entry*& bucket = buckets_[hash & (buckets_.size() - 1)];
  entry->hash_next_ = std::exchange(bucket, entry);
  order_.insert(Ordered(*entry));
  return *entry;
}

KeyValueTable::Removed KeyValueTable::Remove(Entry& entry) {
  LeaveHeap(entry);
  Entry** link = &buckets_[entry.hash_ & (buckets_.size() - 1)];
  while (*link != &entry) link = &(*link)->hash_next_;
  *link = entry.hash_next_;
  order_.erase(order_.find(Probe(entry.key())));
  return Removed(&entry);
}

void KeyValueTable::Grow() {
  std::vector<Entry*> larger(buckets_.empty() ? 8 : buckets_.size() * 2);
  for (Entry* entry : buckets_) {
    while (entry != nullptr) {
      Entry*& bucket = larger[entry->hash_ & (larger.size() - 1)];
      Entry* next = std::exchange(entry->hash_next_, bucket);
      bucket = std::exchange(entry, next);
    }
  }
  buckets_ = std::move(larger);
}

void KeyValueTable::SetExpiry(Entry& entry, WallMillis expires_at) {
  if (entry.record.expires_at == expires_at) return;
  LeaveHeap(entry);
  entry.record.expires_at = expires_at;
  if (expires_at == kNeverExpires) return;
  heap_.push_back(&entry);
  entry.heap_index_ = static_cast<std::uint32_t>(heap_.size() - 1);
  SiftUp(entry.heap_index_);
}

void KeyValueTable::LeaveHeap(Entry& entry) {
  if (entry.heap_index_ == Entry::kNotInHeap) return;
  const std::size_t hole = std::exchange(entry.heap_index_, Entry::kNotInHeap);
  Entry* last = heap_.back();
  heap_.pop_back();
  if (last == &entry) return;
  Place(hole, last);
  SiftUp(hole);
  SiftDown(last->heap_index_);
}

void KeyValueTable::Place(std::size_t index, Entry* entry) {
  heap_[index] = entry;
  entry->heap_index_ = static_cast<std::uint32_t>(index);
}

void KeyValueTable::SiftUp(std::size_t index) {
  Entry* entry = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->record.expires_at <= entry->record.expires_at) break;
    Place(index, heap_[parent]);
    index = parent;
  }
  Place(index, entry);
}

void KeyValueTable::SiftDown(std::size_t index) {
  Entry* entry = heap_[index];
  while (2 * index + 1 < heap_.size()) {
    std::size_t child = 2 * index + 1;
    if (child + 1 < heap_.size() &&
        heap_[child + 1]->record.expires_at < heap_[child]->record.expires_at) {
      ++child;
    }
    if (entry->record.expires_at <= heap_[child]->record.expires_at) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, entry);
}

}  // namespace prism::engine
