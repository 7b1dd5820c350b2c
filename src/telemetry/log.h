// Logs: one line an event, with fields. Never values, keys of applications, or secrets.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"

namespace prism::telemetry {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

// "debug", "info", "warn", "error".
std::string_view LogLevelName(LogLevel level);
std::optional<LogLevel> ParseLogLevel(std::string_view name);
// "text", "json".
std::optional<LogFormat> ParseLogFormat(std::string_view name);
// Text when standard error is a terminal, JSON otherwise.
LogFormat DefaultLogFormat();

struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral I>
  LogField(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

// "2026-11-21T05:00:00.123Z".
std::string FormatTime(std::int64_t time_ms);

// One line without its end. `time_ms`: since the Unix epoch. Control characters are escaped in both
// formats, so that no field can forge a line.
std::string FormatLogLine(LogFormat format, std::int64_t time_ms, LogLevel level,
                          std::string_view event, std::span<const LogField> fields);

// Thread-safe. Log only queues the line: a thread of the logger writes it to standard error; when
// that can't keep up the oldest lines of a bounded queue are dropped. Destruction writes what is
// queued.
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  Logger(LogLevel level, LogFormat format);
  // Lines go to `sink`, at once, on the thread that logs: for tests.
  Logger(LogLevel level, LogFormat format, std::function<void(std::string_view)> sink);
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;
  ~Logger();

  bool Enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void SetLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  void Log(LogLevel level, std::string_view event, std::span<const LogField> fields);
  void Log(LogLevel level, std::string_view event, Fields fields = {}) {
    Log(level, event, std::span(fields.begin(), fields.size()));
  }
  void Debug(std::string_view event, Fields fields = {}) { Log(LogLevel::kDebug, event, fields); }
  void Info(std::string_view event, Fields fields = {}) { Log(LogLevel::kInfo, event, fields); }
  void Warn(std::string_view event, Fields fields = {}) { Log(LogLevel::kWarn, event, fields); }
  void Error(std::string_view event, Fields fields = {}) { Log(LogLevel::kError, event, fields); }
  // Level kError with the reason and message of a failure, behind `fields`.
  void Failure(std::string_view event, const prism::Error& error, Fields fields = {});

 private:
  struct Writer;

  std::atomic<LogLevel> level_;
  LogFormat format_;
  std::function<void(std::string_view)> sink_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace prism::telemetry
