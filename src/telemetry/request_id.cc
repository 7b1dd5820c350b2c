#include "telemetry/request_id.h"

#include <algorithm>

#include "telemetry/id_source.h"

namespace prism::telemetry {

bool RequestId::IsSane(std::string_view given) {
  return !given.empty() && given.size() <= kMaxBytes && std::ranges::all_of(given, [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '\\';
  });
}

bool RequestId::Take(std::string_view given) {
  if (!IsSane(given)) return false;
  given_ = given.data();
  size_ = given.size();
  return true;
}

void RequestId::Write() const {
  WriteHex(IdSource::Scramble(raw_), made_);
  size_ = kMadeBytes;
}

}  // namespace prism::telemetry
