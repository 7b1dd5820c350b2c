#include "branching/containers/engine_answers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace prism::branching {
namespace {

using std::string_literals::operator""s;

template <class T>
std::string Reason(const Result<T>& result) {
  return result ? "fine" : std::string(result.error().reason());
}

EngineReply Reply(std::string body, int status = 200) {
  return {.status = status, .body = std::move(body)};
}

TEST(EngineAnswersTest, ARefusalHasTheWordsOfTheEngine) {
  const auto message = [](std::string body, int status) {
    const Error refused = Refused(Reply(std::move(body), status), "starting");
    EXPECT_EQ(refused.reason(), "DOCKER_REFUSED");
    EXPECT_EQ(refused.code(), status < 500 ? Code::kFailedPrecondition : Code::kUnavailable);
    return std::string(refused.message());
  };
  EXPECT_TRUE(message(R"({"message": "no space"})", 500).contains("(starting): no space"));
  EXPECT_TRUE(message("no space\n", 409).contains("no space"));
  // Whatever is there is no reason to fall over it.
  EXPECT_TRUE(message(R"({"message": 7})", 409).contains("7"));
  EXPECT_TRUE(message(R"({"message": ["a"]})", 409).contains("(status 409)"));
  const std::string much(10'000, 'x');
  EXPECT_LT(message(much, 409).size(), 600U);
  EXPECT_LT(message(R"({"message": ")" + much + R"("})", 409).size(), 600U);
}

TEST(EngineAnswersTest, WhatIsNoAnswerIsNoneOfThem) {
  for (const std::string& body :
       {""s, "null"s, "7"s, "\"x\""s, "{}"s, "[7]"s, "[{}]"s, "{\"Id\": 7, \"State\": []}"s,
        "\xff"s, std::string(100'000, '[')}) {
    EXPECT_EQ(Reason(ReadImage(Reply(body), "x")), "DOCKER_PROTOCOL") << body.substr(0, 80);
    EXPECT_EQ(Reason(ReadContainerState(Reply(body))), "DOCKER_PROTOCOL") << body.substr(0, 80);
    EXPECT_EQ(Reason(ReadContainerIds(Reply(body))), "DOCKER_PROTOCOL") << body.substr(0, 80);
    EXPECT_EQ(Reason(ReadExitCode(Reply(body))), "DOCKER_PROTOCOL") << body.substr(0, 80);
    EXPECT_NE(Reason(CheckHostInfo(Reply(body))), "fine") << body.substr(0, 80);
  }
  EXPECT_EQ(Reason(ReadImage(Reply(R"({"Id": "7", "Config": {"Volumes": ["/d"]}})"), "x")),
            "DOCKER_PROTOCOL");
}

TEST(EngineAnswersTest, NumbersThatAreNoneOfOurs) {
  const auto pid = [](const std::string& number) {
    return Reason(ReadContainerState(
        Reply(R"({"Id": "7", "State": {"Running": true, "Pid": )" + number + "}}")));
  };
  EXPECT_EQ(pid("4194304"), "fine");
  for (const char* const number :
       {"-1", "2147483648", "4294967297", "18446744073709551615", "1.5"}) {
    EXPECT_EQ(pid(number), "DOCKER_PROTOCOL") << number;
  }
  EXPECT_EQ(ReadExitCode(Reply(R"({"StatusCode": 137})")), 137);
  EXPECT_EQ(ReadExitCode(Reply(R"({"StatusCode": -1})")), -1);
  EXPECT_EQ(Reason(ReadExitCode(Reply(R"({"StatusCode": 4294967296})"))), "DOCKER_PROTOCOL");
}

TEST(EngineAnswersTest, LogsAreJoined) {
  EXPECT_EQ(JoinLogFrames("\1\0\0\0\0\0\0\2ab\2\0\0\0\0\0\0\1c"s), "abc");
  EXPECT_EQ(JoinLogFrames("\1\0\0\0\0\0\0\5ab"s), "ab");
  EXPECT_EQ(JoinLogFrames("\1\0\0\0\xff\xff\xff\xff"s), "");
  EXPECT_EQ(JoinLogFrames("\1\0"s), "");
}

}  // namespace
}  // namespace prism::branching
