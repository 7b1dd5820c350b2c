#include "app/watchdog.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/notify.h"

namespace prism::app {

namespace {

std::uint64_t Number(const char* variable) {
  const char* value = std::getenv(variable);
  const std::string_view text = value != nullptr ? value : "";
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? number : 0;
}

}  // namespace

Watchdog::Watchdog(runtime::ShardPool& shards) : shards_(shards) {
  const std::uint64_t pid = Number("WATCHDOG_PID");
  if (pid != 0 && pid != static_cast<std::uint64_t>(::getpid())) return;
  // Three looks within the time: one may be late, and an answer takes until the next.
  interval_ = std::chrono::milliseconds(Number("WATCHDOG_USEC") / 3000);
}

void Watchdog::Tick() {
  if (interval_.count() == 0) return;
  if (missing_ == nullptr) return Ask();
  if (missing_->load() > 0) return;
  NotifyServiceManager("WATCHDOG=1");
  Ask();
}

void Watchdog::Ask() {
  missing_ = std::make_shared<std::atomic<int>>(shards_.size());
  for (int i = 0; i < shards_.size(); ++i) {
    shards_.at(i).Post([missing = missing_] { missing->fetch_sub(1); });
  }
}

}  // namespace prism::app
