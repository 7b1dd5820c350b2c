#include "telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

namespace prism::telemetry {

namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kTextLevels = {"DEBUG", "INFO ", "WARN ", "ERROR"};

// RFC 8259 section 7; also what quoted values of the text format use.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7F) return true;
  }
  return text.empty();
}

void AppendValue(std::string& out, const LogField& field, bool always_quote) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    if (always_quote || NeedsQuotes(*text)) {
      AppendQuoted(out, *text);
    } else {
      out += *text;
    }
  } else if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
    fmt::format_to(std::back_inserter(out), "{}", *integer);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    fmt::format_to(std::back_inserter(out), "{:.6g}", *number);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

std::int64_t WallNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

std::string_view LogLevelName(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return std::nullopt;
}

std::string FormatTime(std::int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     time_ms % 1000);
}

LogFormat DefaultLogFormat() {
  return isatty(STDERR_FILENO) == 1 ? LogFormat::kText : LogFormat::kJson;
}

std::string FormatLogLine(LogFormat format, std::int64_t time_ms, LogLevel level,
                          std::string_view event, std::span<const LogField> fields) {
  std::string line;
  if (format == LogFormat::kText) {
    line = fmt::format("{} {} {}", FormatTime(time_ms),
                       kTextLevels[static_cast<std::size_t>(level)], event);
    for (const LogField& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      AppendValue(line, field, false);
    }
    return line;
  }
  line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"event\":", FormatTime(time_ms),
                     LogLevelName(level));
  AppendQuoted(line, event);
  for (const LogField& field : fields) {
    line += ',';
    AppendQuoted(line, field.key);
    line += ':';
    AppendValue(line, field, true);
  }
  line += '}';
  return line;
}

// Lines that wait to be written; beyond that the oldest are dropped. spdlog keeps this many message
// slots of some 400 bytes allocated.
constexpr std::size_t kQueueLines = 512;

struct Logger::Writer {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "prism", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool,
      spdlog::async_overflow_policy::overrun_oldest);
};

Logger::Logger(LogLevel level, LogFormat format)
    : level_(level), format_(format), writer_(std::make_unique<Writer>()) {
  writer_->logger->set_pattern("%v");
  writer_->logger->set_level(spdlog::level::trace);
  writer_->logger->flush_on(spdlog::level::trace);
}

Logger::Logger(LogLevel level, LogFormat format, std::function<void(std::string_view)> sink)
    : level_(level), format_(format), sink_(std::move(sink)) {}

Logger::~Logger() = default;

void Logger::Log(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  if (!Enabled(level)) return;
  const std::string line = FormatLogLine(format_, WallNow(), level, event, fields);
  if (sink_) {
    sink_(line);
  } else {
    writer_->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

void Logger::Failure(std::string_view event, const prism::Error& error, Fields fields) {
  std::vector<LogField> all(fields);
  all.insert(
      all.end(),
      {{"code", CodeName(error.code())}, {"reason", error.reason()}, {"message", error.message()}});
  Log(LogLevel::kError, event, all);
}

}  // namespace prism::telemetry
