#include "branching/pgwire/startup_parser.h"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "branching/pgwire/refusal.h"
#include "branching/pgwire/testing/startup_packet.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {
namespace {

using Transport = StartupParser::Transport;

std::string Packet(std::uint32_t code, std::string_view rest) {
  return testing::StartupPacket(code, rest);
}

std::string Startup(std::initializer_list<std::string_view> texts,
                    std::uint32_t version = kProtocol30) {
  return Packet(version, testing::StartupBody(texts));
}

const std::string& SslPacket() {
  static const std::string packet = Packet(80877103, "");
  return packet;
}
const std::string& GssPacket() {
  static const std::string packet = Packet(80877104, "");
  return packet;
}

template <class T>
bool Is(const StartupParser::Step& step) {
  return std::holds_alternative<T>(step);
}

// The reason of a refusal, or what else the step is.
std::string ReasonOf(const StartupParser::Step& step) {
  if (const auto* error = std::get_if<Error>(&step)) return std::string(error->reason());
  return "step " + std::to_string(step.index());
}

// The only step of a new parser that gets these bytes at once.
StartupParser::Step StepOf(std::string_view bytes, Transport transport = Transport::kTcp) {
  StartupParser parser(transport);
  return parser.Feed(bytes).step;
}

TEST(StartupParser, ReadsAStartupMessage) {
  StartupParser parser(Transport::kTcp);
  EXPECT_FALSE(parser.begun());
  const std::string bytes = Startup({"user", "postgres@x", "application_name", "psql"});
  const auto [consumed, step] = parser.Feed(bytes + "later");
  EXPECT_EQ(consumed, bytes.size());
  ASSERT_TRUE(Is<StartupMessage>(step));
  EXPECT_EQ(std::get<StartupMessage>(step).user(), "postgres@x");
  EXPECT_TRUE(parser.begun());
}

TEST(StartupParser, PacketsComeByteByByte) {
  StartupParser parser(Transport::kTcp);
  const std::string bytes = SslPacket() + GssPacket() + Startup({"user", "a"});
  std::vector<std::size_t> kinds;
  for (const char byte : bytes) {
    const auto [consumed, step] = parser.Feed({&byte, 1});
    EXPECT_EQ(consumed, 1U);
    if (!Is<StartupParser::NeedMore>(step)) kinds.push_back(step.index());
  }
  const std::vector<std::size_t> expected{
      StartupParser::Step(StartupParser::SslRequest{}).index(),
      StartupParser::Step(StartupParser::GssEncRequest{}).index(),
      StartupParser::Step(StartupMessage()).index()};
  EXPECT_EQ(kinds, expected);
}

TEST(StartupParser, AnyCutGivesTheSameMessage) {
  const std::string bytes = Startup({"user", "a@b", "database", "d"}, kProtocol32);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    StartupParser parser(Transport::kTcp);
    auto progress = parser.Feed(std::string_view(bytes).substr(0, cut));
    if (Is<StartupParser::NeedMore>(progress.step)) {
      EXPECT_EQ(progress.consumed, cut);
      progress = parser.Feed(std::string_view(bytes).substr(cut));
    }
    ASSERT_TRUE(Is<StartupMessage>(progress.step)) << cut;
    EXPECT_EQ(std::get<StartupMessage>(progress.step).Write(kProtocol32), bytes);
  }
}

TEST(StartupParser, EncryptionIsAskedForOnceEachInEitherOrder) {
  for (const bool ssl_first : {true, false}) {
    StartupParser parser(Transport::kTcp);
    const std::string& first = ssl_first ? SslPacket() : GssPacket();
    const std::string& second = ssl_first ? GssPacket() : SslPacket();
    EXPECT_EQ(Is<StartupParser::SslRequest>(parser.Feed(first).step), ssl_first);
    EXPECT_EQ(Is<StartupParser::GssEncRequest>(parser.Feed(second).step), ssl_first);
    const auto third = parser.Feed(first).step;
    ASSERT_EQ(ReasonOf(third), "UNSUPPORTED_PROTOCOL");
    EXPECT_EQ(std::get<Error>(third).message(),
              ssl_first ? "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2"
                        : "unsupported frontend protocol 1234.5680: server supports 3.0 to 3.2");
  }
}

TEST(StartupParser, GssIsNotAskedForInTls) {
  StartupParser parser(Transport::kTcp);
  EXPECT_TRUE(Is<StartupParser::SslRequest>(parser.Feed(SslPacket()).step));
  parser.TlsStarted();
  EXPECT_EQ(ReasonOf(parser.Feed(GssPacket()).step), "UNSUPPORTED_PROTOCOL");
}

TEST(StartupParser, RequestsHaveNothingButTheirCode) {
  EXPECT_EQ(ReasonOf(StepOf(Packet(80877103, "x"))), "UNSUPPORTED_PROTOCOL");
  EXPECT_EQ(ReasonOf(StepOf(Packet(80877104, "x"))), "UNSUPPORTED_PROTOCOL");
}

TEST(StartupParser, Cve202123214BytesAfterTheSslRequestAreNotConsumed) {
  StartupParser parser(Transport::kTcp);
  const auto [consumed, step] = parser.Feed(SslPacket() + Startup({"user", "mallory"}));
  EXPECT_TRUE(Is<StartupParser::SslRequest>(step));
  EXPECT_EQ(consumed, SslPacket().size());
  EXPECT_EQ(Describe(Refusal::kDataBeforeTls).sqlstate, "08P01");
}

TEST(StartupParser, DirectTlsIsSeenByItsFirstByte) {
  StartupParser parser(Transport::kTcp);
  const auto [consumed, step] = parser.Feed("\x16\x03\x01");
  EXPECT_TRUE(Is<StartupParser::DirectTls>(step));
  EXPECT_EQ(consumed, 0U);
  EXPECT_TRUE(Is<StartupMessage>(parser.Feed(Startup({"user", "a"})).step));
}

TEST(StartupParser, Cve202614681NoEncryptionIsNegotiatedInDirectTls) {
  for (const std::string& request : {SslPacket(), GssPacket()}) {
    StartupParser parser(Transport::kTcp);
    EXPECT_TRUE(Is<StartupParser::DirectTls>(parser.Feed("\x16").step));
    EXPECT_EQ(ReasonOf(parser.Feed(request).step), "UNSUPPORTED_PROTOCOL");
  }
}

TEST(StartupParser, DirectTlsIsForTheFirstByteOnTcpOnly) {
  EXPECT_TRUE(Is<StartupParser::Close>(StepOf("\x16\x03\x01", Transport::kUnixSocket)));
  StartupParser parser(Transport::kTcp);
  parser.Feed(SslPacket());
  EXPECT_TRUE(Is<StartupParser::Close>(parser.Feed("\x16").step));
}

TEST(StartupParser, StrangersAreNotAnswered) {
  for (const std::string_view bytes : {"GET / HTTP/1.1\r\n", "POST /", "SSH-2.0", "\x15\x03\x01"}) {
    EXPECT_TRUE(Is<StartupParser::Close>(StepOf(bytes))) << bytes;
  }
  EXPECT_TRUE(Is<StartupParser::Close>(StepOf("G")));
}

TEST(StartupParser, NothingAtAllIsNoBeginning) {
  StartupParser parser(Transport::kTcp);
  EXPECT_TRUE(Is<StartupParser::NeedMore>(parser.Feed("").step));
  EXPECT_FALSE(parser.begun());
}

TEST(StartupParser, PacketsHave8To10000Bytes) {
  for (const std::uint32_t length : {0U, 4U, 7U, 10001U, 0xffffffU}) {
    std::string bytes;
    AppendInt32(bytes, length);
    EXPECT_EQ(ReasonOf(StepOf(bytes)), "BAD_STARTUP_LENGTH") << length;
  }
  EXPECT_EQ(ReasonOf(StepOf(Packet(kProtocol30, ""))), "BAD_STARTUP_LAYOUT");

  const std::size_t frame = Startup({"user", "a", "options", ""}).size();
  const std::string longest = Startup({"user", "a", "options", std::string(10000 - frame, 'x')});
  ASSERT_EQ(longest.size(), 10000U);
  EXPECT_TRUE(Is<StartupMessage>(StepOf(longest)));
  const std::string longer = Startup({"user", "a", "options", std::string(10001 - frame, 'x')});
  EXPECT_EQ(ReasonOf(StepOf(longer)), "BAD_STARTUP_LENGTH");
}

TEST(StartupParser, CancelKeysHave4To256Bytes) {
  for (const std::size_t size : {4U, 8U, 32U, 256U}) {
    std::string rest;
    AppendInt32(rest, 4711);
    rest.append(size, 'k');
    const auto step = StepOf(Packet(80877102, rest));
    ASSERT_TRUE(Is<StartupParser::Cancel>(step)) << size;
    EXPECT_EQ(std::get<StartupParser::Cancel>(step).process_id, 4711U);
    EXPECT_EQ(std::get<StartupParser::Cancel>(step).key, std::string(size, 'k'));
  }
}

TEST(StartupParser, CancelRequestsThatAreNoneGetNoAnswer) {
  for (const std::size_t size : {0U, 3U, 4U, 7U, 261U}) {
    EXPECT_TRUE(Is<StartupParser::Close>(StepOf(Packet(80877102, std::string(size, 'k'))))) << size;
  }
}

TEST(StartupParser, CancelIsTakenInPlaintextAndInTls) {
  const std::string cancel = Packet(80877102, std::string(8, 'k'));
  StartupParser parser(Transport::kTcp);
  parser.Feed(SslPacket());
  parser.TlsStarted();
  EXPECT_TRUE(Is<StartupParser::Cancel>(parser.Feed(cancel).step));
  EXPECT_TRUE(Is<StartupParser::Cancel>(StepOf(cancel)));
  EXPECT_TRUE(Is<StartupParser::Cancel>(StepOf(cancel, Transport::kUnixSocket)));
}

}  // namespace
}  // namespace prism::branching
