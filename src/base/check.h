// PRISM_CHECK: what must hold or the process may not go on. For broken invariants of our own code
// only; whatever a client, a file or the system can cause is a Status.
#pragma once

namespace prism::base {

// Writes one line to stderr and aborts. `advice` says what the caller did wrong.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* advice) noexcept;

}  // namespace prism::base

#define PRISM_CHECK(condition, advice)                                    \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::prism::base::CheckFailed(__FILE__, __LINE__, #condition, advice); \
  } while (false)
