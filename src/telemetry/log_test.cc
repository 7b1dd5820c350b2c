#include "telemetry/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace prism::telemetry {
namespace {

const std::int64_t kTime = 1'795'237'200'123;  // 2026-11-21T05:00:00.123Z

TEST(FormatLogLineTest, WritesTextForPeople) {
  const std::vector<LogField> fields = {
      {"address", "127.0.0.1:8980"}, {"count", 3}, {"why", "no such file"}, {"ok", true}};
  EXPECT_EQ(FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "listening", fields),
            "2026-11-21T05:00:00.123Z INFO  listening address=127.0.0.1:8980 count=3 "
            "why=\"no such file\" ok=true");
}

TEST(FormatLogLineTest, WritesJsonForPrograms) {
  const std::vector<LogField> fields = {{"name", "a\"b"}, {"seconds", 0.25}};
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, kTime, LogLevel::kWarn, "slow", fields),
            "{\"time\":\"2026-11-21T05:00:00.123Z\",\"level\":\"warn\",\"event\":\"slow\","
            "\"name\":\"a\\\"b\",\"seconds\":0.25}");
}

TEST(FormatLogLineTest, CantBeForgedByAField) {
  const std::vector<LogField> fields = {{"name", "x\n2026 ERROR all is lost\x1b[2J"}};
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const std::string line = FormatLogLine(format, kTime, LogLevel::kInfo, "e", fields);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
  }
}

TEST(LoggerTest, HoldsBackWhatIsBelowItsLevel) {
  std::vector<std::string> lines;
  Logger logger(LogLevel::kWarn, LogFormat::kText,
                [&lines](std::string_view line) { lines.emplace_back(line); });
  logger.Info("nothing");
  logger.Warn("something");
  logger.Failure("broken", prism::Error(Code::kNotFound, "GONE", "it is gone"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("WARN  something"), std::string::npos);
  EXPECT_NE(lines[1].find("code=NOT_FOUND reason=GONE message=\"it is gone\""), std::string::npos);
}

TEST(LoggerTest, WritesEverythingBeforeItGoes) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  {
    Logger logger(LogLevel::kInfo, LogFormat::kText);
    for (int i = 0; i < 20; ++i) logger.Info("line", {{"i", i}});
  }
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[1]);
  std::string all;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 20);
  EXPECT_NE(all.find("i=19"), std::string::npos);
}

TEST(LogNamesTest, AreReadBack) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_FALSE(ParseLogLevel("loud"));
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_FALSE(ParseLogFormat("xml"));
}

}  // namespace
}  // namespace prism::telemetry
