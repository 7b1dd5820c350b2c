#include "engine/memory/key_hash.h"

#include <random>

namespace prism::engine {

KeyHash::KeyHash() {
  std::random_device device;  // getrandom() or RDRAND in libstdc++
  seed_ = (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace prism::engine
