// What a store remembers of request ids, so that a repeated write is answered and not done again.
#pragma once

#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"

namespace prism::engine {

// 128 bits of a SHA-256. Fixed size, so that an id costs the same whatever the client sent.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest&) const = default;
};

struct RememberedAnswer {
  Digest payload;         // of the request that was answered
  base::Buffer response;  // as the service encoded it
};

// The request ids of one namespace. Find and Remember run in the same atomic unit as the write that
// they guard: one transaction on SQLite; on memory, the section between Enter and Leave.
// Thread rule: as the store that it belongs to (memory: thread-safe; SQLite: the writer's thread).
class DedupStore {
 public:
  virtual ~DedupStore() = default;

  // Nobody else is between Enter and Leave with this id. Sections are short: no I/O, no suspension.
  virtual void Enter(const Digest& id) = 0;
  virtual void Leave(const Digest& id) = 0;

  // The answer that was remembered, unless it has expired. Nothing: the id is free, and Remember
  // will find room for it. RESOURCE_EXHAUSTED/DEDUP_FULL when the namespace holds dedup_max_entries
  // that have not expired.
  virtual Result<std::optional<RememberedAnswer>> Find(const Digest& id, WallMillis now) = 0;

  // Stores or replaces. Only after a Find that answered without an error in the same section.
  virtual Status Remember(const Digest& id, const Digest& payload, std::string_view response,
                          WallMillis expires_at) = 0;

  // Enter and Leave as a scope.
  class Section {
   public:
    Section(DedupStore& store, const Digest& id) : store_(store), id_(id) { store_.Enter(id_); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { store_.Leave(id_); }

   private:
    DedupStore& store_;
    const Digest id_;
  };
};

}  // namespace prism::engine
