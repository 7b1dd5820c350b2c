// The keys by which clients cancel what they run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::branching {

struct CancelKey {
  std::uint32_t process_id;
  std::string key;  // 4 bytes for a client of version 3.0, 32 from 3.2 on
};

// Keys of our own: those of servers are the same number in different branches, and say which of a
// branch's processes is whose. A process id is a slot, the key is random each time. Life cycle:
// lives as long as the listener; Mint when a session begins, Remove when it ends. Thread rule: one
// thread at a time; several of them share a port by distinct ranges of process ids.
class CancelKeys {
 public:
  // Process ids from `first_process_id` on, which is not 0, and as many sessions at once as slots.
  // Memory: 48 bytes for each slot.
  CancelKeys(std::uint32_t first_process_id, std::size_t slots);
  ~CancelKeys();
  CancelKeys(const CancelKeys&) = delete;
  CancelKeys& operator=(const CancelKeys&) = delete;

  // A key for `session`, whatever that number means to the caller. TOO_MANY_CONNECTIONS, or
  // NO_RANDOM_NUMBERS.
  Result<CancelKey> Mint(std::uint32_t version, std::uint64_t session);
  // The session with that key. Takes as long for a wrong key as for a right one.
  std::optional<std::uint64_t> Find(std::uint32_t process_id, std::string_view key) const;
  // The id must have been minted and not removed.
  void Remove(std::uint32_t process_id);

  std::size_t size() const { return slots_.size() - free_.size(); }

 private:
  static constexpr std::size_t kMaxKey = 32;
  struct Slot {
    std::uint64_t session = 0;
    std::uint32_t size = 0;  // of the key; 0: free
    std::array<char, kMaxKey> key{};
  };

  std::uint32_t first_process_id_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace prism::branching
