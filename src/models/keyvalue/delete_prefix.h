// How far a DeletePrefix with a request id has come: kept as its remembered answer, so that a
// repetition goes on where the first attempt was broken off, and both report every removed key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::models {

struct DeletePrefixState {
  std::uint64_t deleted = 0;
  bool done = false;
};

// One byte, P while it goes on and D when it is done, then a DeletePrefixResponse.
std::string EncodeDeletePrefix(const DeletePrefixState& state);
// No bytes: nothing has been removed yet. DATA_LOSS/RECORD_DAMAGED for what is no such state.
Result<DeletePrefixState> DecodeDeletePrefix(std::string_view bytes);

}  // namespace prism::models
