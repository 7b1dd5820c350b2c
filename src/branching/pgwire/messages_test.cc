#include "branching/pgwire/messages.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "branching/pgwire/message_reader.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {
namespace {

using std::string_literals::operator""s;

// The one message that `bytes` are.
struct Whole {
  char type;
  std::string body;
};
Whole ReadWhole(std::string_view bytes) {
  MessageReader reader(kMaxBodyOfServer);
  const auto progress = reader.Read(bytes);
  EXPECT_TRUE(progress && progress->message);
  if (!progress || !progress->message) return {};
  EXPECT_EQ(progress->consumed, bytes.size());
  return {progress->message->type, std::string(progress->message->body)};
}

template <class... Arguments>
std::string Written(void (*append)(std::string&, Arguments...),
                    std::type_identity_t<Arguments>... arguments) {
  std::string out;
  append(out, arguments...);
  return out;
}

TEST(Messages, ErrorResponseHasItsFieldsInOrder) {
  std::string out;
  AppendErrorResponse(out, {.severity = "FATAL",
                            .sqlstate = "3D000",
                            .message = "m",
                            .detail = "d",
                            .hint = "h",
                            .reason = "R"});
  EXPECT_EQ(out, "E\0\0\0\x26SFATAL\0VFATAL\0C3D000\0Mm\0Dd\0Hh\0RR\0\0"s);
}

TEST(Messages, AnErrorIsFatalAndHasItsSqlstate) {
  std::string out;
  AppendErrorResponse(out, Refuse(Refusal::kWrongPassword, "alice"));
  EXPECT_EQ(out,
            "E\0\0\0\x5bSFATAL\0VFATAL\0C28P01\0"
            "Mpassword authentication failed for user \"alice\"\0RWRONG_PASSWORD\0\0"s);
}

TEST(Messages, ReportsStayBelowWhatLibpqTakesAndEndAtAZeroByte) {
  const std::string endless(100'000, 'x');
  std::string out;
  AppendErrorResponse(out, {.severity = "FATAL",
                            .sqlstate = "08P01",
                            .message = endless,
                            .detail = endless,
                            .hint = endless,
                            .reason = endless});
  EXPECT_LT(out.size(), 30'000U);
  out.clear();
  AppendNoticeResponse(out, {.severity = "NOTICE",
                             .sqlstate = "00000",
                             .message = std::string_view("a\0SPANIC", 8),
                             .detail = {},
                             .hint = {},
                             .reason = {}});
  EXPECT_EQ(out, "N\0\0\0\x1fSNOTICE\0VNOTICE\0C00000\0Ma\0\0"s);
  const Whole notice = ReadWhole(out);
  const auto report = ParseReport(notice.body);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->severity, "NOTICE");
  EXPECT_EQ(report->sqlstate, "00000");
  EXPECT_EQ(report->message, "a");
}

TEST(Messages, AuthenticationRequests) {
  EXPECT_EQ(Written(AppendAuthenticationOk), "R\0\0\0\x8\0\0\0\0"s);
  EXPECT_EQ(Written(AppendAuthenticationMd5Password, "salt"), "R\0\0\0\xc\0\0\0\5salt"s);
  EXPECT_EQ(Written(AppendAuthenticationSaslContinue, "r=1"), "R\0\0\0\xb\0\0\0\xbr=1"s);
  EXPECT_EQ(Written(AppendAuthenticationSaslFinal, "v=1"), "R\0\0\0\xb\0\0\0\xcv=1"s);

  const std::array<std::string_view, 2> offered{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"};
  const Whole sasl = ReadWhole(Written(AppendAuthenticationSasl, offered));
  EXPECT_EQ(sasl.type, 'R');
  const auto request = ParseAuthentication(sasl.body);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->code, 10U);
  const auto mechanisms = ParseMechanisms(request->data);
  ASSERT_TRUE(mechanisms);
  EXPECT_EQ(*mechanisms, std::vector<std::string_view>(offered.begin(), offered.end()));
}

TEST(Messages, WhatAServerSaysBeforeItIsReady) {
  const Whole status = ReadWhole(Written(AppendParameterStatus, "TimeZone", "UTC"));
  EXPECT_EQ(status.type, 'S');
  EXPECT_EQ(status.body, "TimeZone\0UTC\0"s);

  const Whole key = ReadWhole(Written(AppendBackendKeyData, 7, std::string(32, '\0')));
  EXPECT_EQ(key.type, 'K');
  const auto data = ParseBackendKeyData(key.body);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->process_id, 7U);
  EXPECT_EQ(data->key, std::string(32, '\0'));

  EXPECT_EQ(Written(AppendReadyForQuery, TransactionStatus::kOpen), "Z\0\0\0\x5T"s);
}

TEST(Messages, NegotiateProtocolVersionHasTheWholeWord) {
  const std::vector<std::string> options{"_pq_.a", "_pq_.b"};
  EXPECT_EQ(Written(AppendNegotiateProtocolVersion, 196610, options),
            "v\0\0\0\x1a\0\x3\0\x2\0\0\0\x2_pq_.a\0_pq_.b\0"s);
}

TEST(Messages, WhatGoesToServers) {
  EXPECT_EQ(Written(AppendCancelRequest, 1, "key4"), "\0\0\0\x10\x4\xd2\x16\x2e\0\0\0\x1key4"s);
  EXPECT_EQ(Written(AppendSslRequest), "\0\0\0\x8\x4\xd2\x16\x2f"s);
  EXPECT_EQ(Written(AppendSaslResponse, "c=biws"),
            "p\0\0\0\xa"
            "c=biws"s);

  const Whole first = ReadWhole(Written(AppendSaslInitialResponse, "SCRAM-SHA-256", "n,,"));
  EXPECT_EQ(first.type, 'p');
  const auto sasl = ParseSaslInitialResponse(first.body);
  ASSERT_TRUE(sasl);
  EXPECT_EQ(sasl->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(sasl->data, "n,,");
}

TEST(MessageReader, TakesMessagesFromAnyPieces) {
  std::string bytes;
  AppendSaslResponse(bytes, "first");
  AppendReadyForQuery(bytes, TransactionStatus::kIdle);
  AppendSaslResponse(bytes, "third");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    MessageReader reader(kMaxBodyOfStranger);
    std::vector<std::string> seen;
    for (std::size_t from = 0; from < bytes.size(); from += piece) {
      std::string_view input = std::string_view(bytes).substr(from, piece);
      while (!input.empty()) {
        const auto progress = reader.Read(input);
        ASSERT_TRUE(progress);
        if (progress->message) {
          seen.push_back(progress->message->type + std::string(progress->message->body));
        }
        input.remove_prefix(progress->consumed);
      }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"pfirst", "ZI", "pthird"})) << piece;
  }
}

TEST(MessageReader, RefusesALengthAsSoonAsItIsThere) {
  for (const std::uint32_t length : {0U, 3U, 0x7fffffffU, 0xffffffffU}) {
    std::string bytes = "p";
    AppendInt32(bytes, length);
    MessageReader reader(kMaxBodyOfStranger);
    const auto progress = reader.Read(bytes);
    ASSERT_FALSE(progress) << length;
    EXPECT_EQ(progress.error().reason(), "PROTOCOL_VIOLATION");
  }
}

TEST(MessageReader, TheLimitIsThatOfTheBody) {
  for (const std::size_t size : {std::size_t{9}, std::size_t{10}, std::size_t{11}}) {
    MessageReader reader(10);
    const auto progress = reader.Read(Written(AppendSaslResponse, std::string(size, 'x')));
    EXPECT_EQ(progress.has_value(), size <= 10) << size;
  }
}

TEST(MessageReader, BodiesThatAreCutOrTooLongAreRefused) {
  EXPECT_FALSE(ParseAuthentication("abc"));
  EXPECT_FALSE(ParseMechanisms(""));
  EXPECT_FALSE(ParseMechanisms("a\0"s));
  EXPECT_FALSE(ParseMechanisms("a\0\0b"s));
  EXPECT_EQ(ParsePassword("md5x\0"s).value(), "md5x");
  EXPECT_EQ(ParsePassword("\0"s).value(), "");
  for (const std::string& body : {""s, "x"s, "x\0y\0"s, "x\0\0"s})
    EXPECT_FALSE(ParsePassword(body));
  EXPECT_FALSE(ParseSaslInitialResponse("S"));
  EXPECT_FALSE(ParseSaslInitialResponse("S\0\0\0"s));
  EXPECT_FALSE(ParseSaslInitialResponse("S\0\0\0\0\x2x"s));
  EXPECT_FALSE(ParseSaslInitialResponse("S\0\xff\xff\xff\xffx"s));
  EXPECT_EQ(ParseSaslInitialResponse("S\0\xff\xff\xff\xff"s)->data, std::nullopt);
  EXPECT_EQ(ParseSaslInitialResponse("S\0\0\0\0\0"s)->data, "");
  EXPECT_FALSE(ParseBackendKeyData("abc"));
  EXPECT_FALSE(ParseBackendKeyData("pid_key"));
  EXPECT_TRUE(ParseBackendKeyData("pid_" + std::string(256, 'k')));
  EXPECT_FALSE(ParseBackendKeyData("pid_" + std::string(257, 'k')));
  EXPECT_FALSE(ParseReport("SFATAL"));
  EXPECT_FALSE(ParseReport("SFATAL\0"s));
  EXPECT_FALSE(ParseReport("SFATAL\0\0x"s));
}

}  // namespace
}  // namespace prism::branching
