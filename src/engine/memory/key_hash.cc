#include "engine/memory/key_hash.h"

#include <sys/random.h>

#include "base/check.h"

namespace prism::engine {

// Not std::random_device: RDRAND takes 15 us a call on virtual machines, and there may be 10,000
// namespaces.
KeyHash::KeyHash() {
  PRISM_CHECK(::getrandom(&seed_, sizeof seed_, 0) == sizeof seed_,
              "this needs a kernel with getrandom(2)");
}

}  // namespace prism::engine
