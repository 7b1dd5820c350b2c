#include "runtime/lean_memory.h"

#include <mimalloc.h>

#include <atomic>

// The program is linked with it, tests and sanitizers are not.
#pragma weak mi_option_get
#pragma weak mi_option_set

namespace prism::runtime {
namespace {

// How many there are: of the process, as the allocator is.
constinit std::atomic<int> lean_count = 0;

// The option is one word, which mimalloc reads at each large free. Whoever is overtaken by another
// thread sets it again.
void Apply() {
  if (mi_option_set == nullptr || mi_option_get == nullptr) return;
  static const long usual = mi_option_get(mi_option_decommit_delay);  // milliseconds
  int count = lean_count;
  for (int applied = -1; applied != count; count = lean_count) {
    applied = count;
    mi_option_set(mi_option_decommit_delay, count > 0 ? 0 : usual);
  }
}

}  // namespace

LeanMemory::LeanMemory() {
  ++lean_count;
  Apply();
}

LeanMemory::~LeanMemory() {
  --lean_count;
  Apply();
}

}  // namespace prism::runtime
