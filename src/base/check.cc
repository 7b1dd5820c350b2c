#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace prism::base {

void CheckFailed(const char* file, int line, const char* condition, const char* advice) noexcept {
  std::fprintf(stderr, "prism: %s:%d: %s does not hold: %s\n", file, line, condition, advice);
  std::abort();
}

}  // namespace prism::base
