#include "branching/pgwire/startup_message.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "branching/pgwire/testing/startup_packet.h"

namespace prism::branching {
namespace {

using Replication = StartupMessage::Replication;

using testing::StartupBody;

StartupMessage Parsed(std::initializer_list<std::string_view> texts,
                      std::uint32_t word = kProtocol30) {
  auto message = StartupMessage::Parse(word, StartupBody(texts));
  EXPECT_TRUE(message.has_value()) << message.error().ToString();
  return *std::move(message);
}

std::string ReasonOf(std::uint32_t word, std::string_view body) {
  const auto message = StartupMessage::Parse(word, body);
  return message ? "ok" : std::string(message.error().reason());
}

std::string ReasonOf(std::initializer_list<std::string_view> texts) {
  return ReasonOf(kProtocol30, StartupBody(texts));
}

TEST(StartupMessage, ParametersKeepTheirOrderAndBytes) {
  const StartupMessage message =
      Parsed({"replication", "database", "user", "\xff\xfe", "DateStyle", "", "user ", "x"});
  const std::vector<StartupParameter> expected{
      {"replication", "database"}, {"user", "\xff\xfe"}, {"DateStyle", ""}, {"user ", "x"}};
  EXPECT_EQ(message.parameters(), expected);
  EXPECT_EQ(message.user(), "\xff\xfe");
  EXPECT_EQ(message.Find("nothing"), std::nullopt);
}

TEST(StartupMessage, TheTerminatorIsTheLastByte) {
  using std::string_literals::operator""s;
  for (const std::string& body : {""s, "user"s, "user\0"s, "user\0a"s, "user\0a\0"s,
                                  "user\0a\0\0x"s, "user\0a\0\0\0"s, "user\0a\0b\0\0"s + "more"}) {
    EXPECT_EQ(ReasonOf(kProtocol30, body), "BAD_STARTUP_LAYOUT") << ::testing::PrintToString(body);
  }
  EXPECT_EQ(ReasonOf(kProtocol30, "user\0a\0\0"s), "ok");
}

TEST(StartupMessage, TheUserIsNeeded) {
  EXPECT_EQ(ReasonOf(kProtocol30, std::string(1, '\0')), "NO_USER");
  EXPECT_EQ(ReasonOf({"database", "x"}), "NO_USER");
  EXPECT_EQ(ReasonOf({"user", ""}), "NO_USER");
  EXPECT_EQ(ReasonOf({"User", "a"}), "NO_USER");
}

TEST(StartupMessage, WhatDecidesIsSaidOnce) {
  EXPECT_EQ(ReasonOf({"user", "a", "user", "b"}), "REPEATED_PARAMETER");
  EXPECT_EQ(ReasonOf({"user", "a", "database", "b", "database", "b"}), "REPEATED_PARAMETER");
  EXPECT_EQ(ReasonOf({"user", "a", "options", "b", "options", "b"}), "REPEATED_PARAMETER");
  EXPECT_EQ(ReasonOf({"user", "a", "replication", "1", "replication", "0"}), "REPEATED_PARAMETER");
  EXPECT_EQ(ReasonOf({"user", "a", "TimeZone", "b", "TimeZone", "c"}), "ok");
}

TEST(StartupMessage, OtherMajorVersionsAreRefused) {
  for (const std::uint32_t word : {0U, 2U << 16, 4U << 16, (1234U << 16) + 5680, 0xffffffffU}) {
    EXPECT_EQ(ReasonOf(word, StartupBody({"user", "a"})), "UNSUPPORTED_PROTOCOL") << word;
  }
  EXPECT_EQ(StartupMessage::Parse(2U << 16, "").error().message(),
            "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
}

TEST(StartupMessage, MinorVersionsAreNegotiatedDown) {
  EXPECT_EQ(Parsed({"user", "a"}, kProtocol30).version(), kProtocol30);
  EXPECT_FALSE(Parsed({"user", "a"}, kProtocol30).MustNegotiate());
  EXPECT_EQ(Parsed({"user", "a"}, kProtocol32).version(), kProtocol32);
  EXPECT_FALSE(Parsed({"user", "a"}, kProtocol32).MustNegotiate());
  EXPECT_EQ(Parsed({"user", "a"}, kProtocol30 + 1).version(), kProtocol30);
  EXPECT_TRUE(Parsed({"user", "a"}, kProtocol30 + 1).MustNegotiate());
  EXPECT_EQ(Parsed({"user", "a"}, kProtocol30 + 9999).version(), kProtocol32);
  EXPECT_TRUE(Parsed({"user", "a"}, kProtocol30 + 9999).MustNegotiate());
}

TEST(StartupMessage, ProtocolExtensionsAreNamedAndNotPassedOn) {
  const StartupMessage message =
      Parsed({"_pq_.test_protocol_negotiation", "", "user", "a", "_pq_.b", "c"});
  EXPECT_TRUE(message.MustNegotiate());
  const std::vector<std::string> expected{"_pq_.test_protocol_negotiation", "_pq_.b"};
  EXPECT_EQ(message.unknown_options(), expected);
  EXPECT_EQ(message.Write(kProtocol30), Parsed({"user", "a"}).Write(kProtocol30));
}

TEST(StartupMessage, TheDatabaseIsTheUserWhenThereIsNone) {
  EXPECT_EQ(Parsed({"user", "a"}).database(), "a");
  EXPECT_EQ(Parsed({"user", "a", "database", ""}).database(), "a");
  EXPECT_EQ(Parsed({"user", "a", "database", "d"}).database(), "d");
}

TEST(StartupMessage, ReplicationIsABooleanOrDatabase) {
  for (const std::string_view yes : {"true", "t", "on", "yes", "y", "1", "TRUE"}) {
    EXPECT_EQ(Parsed({"user", "a", "replication", yes}).replication(), Replication::kPhysical);
  }
  for (const std::string_view no : {"false", "off", "no", "0", "", "o", "2", "truer"}) {
    EXPECT_EQ(Parsed({"user", "a", "replication", no}).replication(), Replication::kNone);
  }
  EXPECT_EQ(Parsed({"user", "a", "replication", "database"}).replication(), Replication::kLogical);
  EXPECT_EQ(Parsed({"user", "a"}).replication(), Replication::kNone);
}

TEST(StartupMessage, WritesWhatWasRead) {
  const StartupMessage message =
      Parsed({"client_encoding", "UTF8", "user", "a@b", "options", "-c a=b"}, kProtocol32);
  const std::string body =
      StartupBody({"client_encoding", "UTF8", "user", "a@b", "options", "-c a=b"});
  EXPECT_EQ(message.Write(kProtocol32), testing::StartupPacket(kProtocol32, body));
}

TEST(StartupMessage, ReplacesInPlaceAndRemoves) {
  StartupMessage message = Parsed({"user", "a@b", "database", "d", "x", "y"});
  message.Replace("user", "a");
  message.Replace("absent", "stays absent");
  message.Remove("database");
  EXPECT_EQ(message.Write(kProtocol30), Parsed({"user", "a", "x", "y"}).Write(kProtocol30));
}

}  // namespace
}  // namespace prism::branching
