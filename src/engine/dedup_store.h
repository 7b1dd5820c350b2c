// What a store remembers of request ids, so that a repeated write is answered and not done again.
#pragma once

#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"
#include "models/digest.h"

namespace prism::engine {

struct RememberedAnswer {
  models::Digest payload;  // of the request that was answered
  base::Buffer response;   // as the service encoded it
};

// The request ids of one namespace. Find and Remember run in the same atomic unit as the write that
// they guard: one transaction on SQLite; on memory, the section between Enter and Leave.
// Thread rule: as the store that it belongs to (memory: thread-safe; SQLite: the writer's thread).
class DedupStore {
 public:
  virtual ~DedupStore() = default;

  // Nobody else is between Enter and Leave with this id. Sections are short: no I/O, no suspension.
  virtual void Enter(const models::Digest& id) = 0;
  virtual void Leave(const models::Digest& id) = 0;

  // The answer that was remembered, unless it has expired. Nothing: the id is free, and Remember
  // will find room for it. RESOURCE_EXHAUSTED/DEDUP_FULL when the namespace holds dedup_max_entries
  // that have not expired.
  virtual Result<std::optional<RememberedAnswer>> Find(const models::Digest& id,
                                                       WallMillis now) = 0;

  // Stores or replaces. Only after a Find that answered without an error in the same section.
  virtual Status Remember(const models::Digest& id, const models::Digest& payload,
                          std::string_view response, WallMillis expires_at) = 0;

  // Enter and Leave as a scope.
  class Section {
   public:
    Section(DedupStore& store, const models::Digest& id) : store_(store), id_(id) {
      store_.Enter(id_);
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { store_.Leave(id_); }

   private:
    DedupStore& store_;
    const models::Digest id_;
  };
};

}  // namespace prism::engine
