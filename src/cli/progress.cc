#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/units.h"
#include "cli/output.h"

namespace prism::cli {

Progress::Progress(std::string what, std::uint64_t total_bytes)
    : what_(std::move(what)),
      total_bytes_(total_bytes),
      enabled_(IsTerminal(stderr)),
      start_(MonotonicNow()) {}

std::string Progress::Describe(std::uint64_t items, std::uint64_t bytes, MonoNanos elapsed) const {
  constexpr std::size_t kBarColumns = 20;
  const double seconds =
      std::max(static_cast<double>(elapsed) / static_cast<double>(kNanosPerSecond), 0.001);
  const double rate = static_cast<double>(items) / seconds;
  std::string text = fmt::format("{} {}", what_, items);
  if (bytes > 0) text += ", " + base::HumanSize(bytes);
  text += fmt::format(", {:.0f}/s", rate);
  if (total_bytes_ == 0) return text;
  const std::uint64_t done = std::min(bytes, total_bytes_);
  const std::size_t filled = static_cast<std::size_t>(done * kBarColumns / total_bytes_);
  const std::string bar = std::string(filled, '#') + std::string(kBarColumns - filled, '.');
  return fmt::format("[{}] {:3}%  {}", bar, done * 100 / total_bytes_, text);
}

bool Progress::Due() {
  if (!enabled_) return false;
  const MonoNanos now = MonotonicNow();
  if (shown_ && now - last_ < kNanosPerSecond / 10) return false;
  last_ = now;
  shown_ = true;
  return true;
}

void Progress::Print(std::string_view line) const {
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
}

void Progress::Update(std::uint64_t items, std::uint64_t bytes) {
  if (Due()) Print(Describe(items, bytes, last_ - start_));
}

void Progress::Update(std::string_view text) {
  if (Due()) Print(fmt::format("{} {}", what_, text));
}

void Progress::Clear() {
  if (!std::exchange(shown_, false)) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace prism::cli
