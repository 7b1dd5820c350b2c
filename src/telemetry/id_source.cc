#include "telemetry/id_source.h"

#include <random>

namespace prism::telemetry {

IdSource::IdSource() : next_(0) {
  std::random_device random;
  next_ = (std::uint64_t{random()} << 32) | random();
}

void WriteHex(std::uint64_t number, char* into) {
  for (int i = 15; i >= 0; --i) {
    into[i] = "0123456789abcdef"[number & 15];
    number >>= 4;
  }
}

}  // namespace prism::telemetry
