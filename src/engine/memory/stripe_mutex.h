// The lock of one stripe of keys.
#pragma once

#include <mutex>

namespace prism::engine {

// A std::mutex that asks again for a moment before it sleeps: it is held for a fraction of a
// microsecond, while going to sleep and waking up cost several. Longer waits (the holder was
// preempted) sleep. Thread-safe; use with std::lock_guard.
class StripeMutex {
 public:
  void lock() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (mutex_.try_lock()) return;
      for (int pause = 0; pause < kPauses; ++pause) Pause();
    }
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  static constexpr int kAttempts = 32;
  static constexpr int kPauses = 4;  // some 20 to 150 cycles each, depending on the CPU

  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
  }

  std::mutex mutex_;
};

}  // namespace prism::engine
