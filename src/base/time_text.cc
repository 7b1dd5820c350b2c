#include "base/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iterator>

namespace prism::base {
namespace {

constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z
constexpr std::int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes pieces off the front of a text; once one did not fit, ok() is false for good.
class Scanner {
 public:
  explicit Scanner(std::string_view rest) : rest_(rest) {}

  bool ok() const { return ok_; }
  bool Done() const { return ok_ && rest_.empty(); }

  bool TakeIf(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Expect(char c) { ok_ = TakeIf(c) && ok_; }

  // Between `least` and `most` digits (at most 18).
  std::int64_t Number(std::size_t least, std::size_t most) {
    std::int64_t value = 0;
    taken_ = 0;
    while (taken_ < most && taken_ < rest_.size() && IsDigit(rest_[taken_])) {
      value = value * 10 + (rest_[taken_++] - '0');
    }
    rest_.remove_prefix(taken_);
    ok_ = ok_ && taken_ >= least;
    return value;
  }

  // ".5" as nanoseconds; 0 without a point.
  std::int32_t Fraction() {
    if (!TakeIf('.')) return 0;
    auto nanos = static_cast<std::int32_t>(Number(1, 9));
    for (std::size_t digits = taken_; digits < 9; ++digits) nanos *= 10;
    return nanos;
  }

 private:
  std::string_view rest_;
  std::size_t taken_ = 0;
  bool ok_ = true;
};

// Seconds east of UTC.
std::int64_t TakeOffset(Scanner& scan) {
  if (scan.TakeIf('Z')) return 0;
  const bool west = scan.TakeIf('-');
  if (!west) scan.Expect('+');
  const std::int64_t hours = scan.Number(2, 2);
  scan.Expect(':');
  const std::int64_t minutes = scan.Number(2, 2);
  if (hours > 23 || minutes > 59) scan.Expect('\0');
  return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

void AppendFraction(std::int32_t nanos, std::string& out) {
  if (nanos == 0) return;
  if (nanos % 1'000'000 == 0) {
    fmt::format_to(std::back_inserter(out), ".{:03}", nanos / 1'000'000);
  } else if (nanos % 1'000 == 0) {
    fmt::format_to(std::back_inserter(out), ".{:06}", nanos / 1'000);
  } else {
    fmt::format_to(std::back_inserter(out), ".{:09}", nanos);
  }
}

}  // namespace

std::expected<SecondsAndNanos, TextFault> ParseTimestamp(std::string_view text) {
  Scanner scan(text);
  const auto year = static_cast<int>(scan.Number(4, 4));
  scan.Expect('-');
  const auto month = static_cast<unsigned>(scan.Number(2, 2));
  scan.Expect('-');
  const auto day = static_cast<unsigned>(scan.Number(2, 2));
  scan.Expect('T');
  const std::int64_t hour = scan.Number(2, 2);
  scan.Expect(':');
  const std::int64_t minute = scan.Number(2, 2);
  scan.Expect(':');
  const std::int64_t second = scan.Number(2, 2);
  const std::int32_t nanos = scan.Fraction();
  const std::int64_t offset = TakeOffset(scan);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!scan.Done() || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::unexpected(TextFault::kSyntax);
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + hour * 3600 + minute * 60 + second - offset;
  if (year == 0 || seconds < kFirstSecond || seconds > kLastSecond) {
    return std::unexpected(TextFault::kRange);
  }
  return SecondsAndNanos{.seconds = seconds, .nanos = nanos};
}

bool AppendTimestamp(const SecondsAndNanos& time, std::string& out) {
  if (time.seconds < kFirstSecond || time.seconds > kLastSecond || time.nanos < 0 ||
      time.nanos >= kNanosPerSecond) {
    return false;
  }
  const std::chrono::sys_seconds instant{std::chrono::seconds(time.seconds)};
  const auto midnight = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss clock{instant - midnight};
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count());
  AppendFraction(time.nanos, out);
  out += 'Z';
  return true;
}

std::expected<SecondsAndNanos, TextFault> ParseSeconds(std::string_view text) {
  Scanner scan(text);
  const bool negative = scan.TakeIf('-');
  std::int64_t seconds = scan.Number(1, 18);
  std::int32_t nanos = scan.Fraction();
  scan.Expect('s');
  if (!scan.Done()) return std::unexpected(TextFault::kSyntax);
  if (seconds > kMaxDurationSeconds) return std::unexpected(TextFault::kRange);
  if (negative) {
    seconds = -seconds;
    nanos = -nanos;
  }
  return SecondsAndNanos{.seconds = seconds, .nanos = nanos};
}

bool AppendSeconds(const SecondsAndNanos& duration, std::string& out) {
  const auto [seconds, nanos] = duration;
  if (seconds < -kMaxDurationSeconds || seconds > kMaxDurationSeconds ||
      nanos <= -kNanosPerSecond || nanos >= kNanosPerSecond || (seconds < 0 && nanos > 0) ||
      (seconds > 0 && nanos < 0)) {
    return false;
  }
  if (seconds < 0 || nanos < 0) out += '-';
  fmt::format_to(std::back_inserter(out), "{}", std::abs(seconds));
  AppendFraction(std::abs(nanos), out);
  out += 's';
  return true;
}

}  // namespace prism::base
