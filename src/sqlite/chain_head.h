// Chains of rows in which each row carries the hash of the one before it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "sqlite/connection.h"

namespace prism::sqlite {

// The newest row of a chain. Whoever keeps it elsewhere can tell later that no row was taken away.
struct ChainHead {
  std::int64_t id = 0;  // 0: there is no row
  std::string hash;

  bool operator==(const ChainHead&) const = default;
};

// The newest row of some chain among those with at most this id.
using ReadChain = std::function<Result<ChainHead>(Connection&, std::int64_t up_to)>;

}  // namespace prism::sqlite
