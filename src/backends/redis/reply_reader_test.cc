#include "backends/redis/reply_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "backends/redis/resp_command.h"

namespace prism::backends {
namespace {

using Outcome = ReplyReader::Outcome;

// Parts as a line of text.
class Recorder final : public ReplySink {
 public:
  bool Take(const ReplyPart& part) override {
    constexpr std::string_view kKinds = "b+:_*-";
    const bool counts =
        part.kind == ReplyPart::Kind::kInteger || part.kind == ReplyPart::Kind::kArray;
    text += fmt::format("{}{}{} ", part.depth, kKinds[static_cast<std::size_t>(part.kind)],
                        counts ? std::to_string(part.number) : std::string(part.text));
    return true;
  }
  std::string text;
};

// What a reader finds in bytes that come whole, or one by one.
std::string Parse(std::string_view bytes, std::size_t piece, ReplyLimits limits = {}) {
  ReplyReader reader(limits);
  Recorder recorder;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    if (!reader.Feed(part)) return "fed after an error";
    while (reader.pending() > 0) {
      const auto outcome = reader.Read(recorder);
      if (!outcome) return recorder.text + std::string(outcome.error().reason());
      if (*outcome == Outcome::kMore) break;
      recorder.text += *outcome == Outcome::kRefused ? "refused " + reader.error_text() + ";" : ";";
    }
  }
  return recorder.text;
}

TEST(ReplyReader, GivesPartsInOrder) {
  constexpr std::string_view kBytes =
      "+OK\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n"
      "*3\r\n$1\r\na\r\n*2\r\n:1\r\n-ERR inner\r\n$-1\r\n-WRONGTYPE no\r\n";
  constexpr std::string_view kParts =
      "0+OK ;0:-42 ;0bhe\r\no ;0_ ;0_ ;0b ;0*0 ;"
      "0*3 1ba 1*2 2:1 2-ERR inner 1_ ;refused WRONGTYPE no;";
  EXPECT_EQ(Parse(kBytes, kBytes.size()), kParts);
  EXPECT_EQ(Parse(kBytes, 1), kParts);
}

TEST(ReplyReader, RefusesWhatIsNotTheProtocol) {
  for (const std::string_view bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "$abc\r\n", "$-2\r\n", ":\r\n", ":1x\r\n", "*-2\r\n",
        "*99999999999\r\n", "$99999999999999999999\r\n", "\r\n", "%1\r\n+a\r\n+b\r\n"}) {
    EXPECT_EQ(Parse(bytes, bytes.size()), "BACKEND_PROTOCOL") << bytes;
    EXPECT_EQ(Parse(bytes, 1).substr(0, 16), "BACKEND_PROTOCOL") << bytes;
  }
}

TEST(ReplyReader, KeepsItsLimits) {
  const ReplyLimits small{.max_bytes = 100, .max_parts = 10};
  EXPECT_EQ(Parse("$100\r\n" + std::string(100, 'x') + "\r\n", 7, small).size(), 100U + 4);
  EXPECT_EQ(Parse("$101\r\n" + std::string(101, 'x') + "\r\n", 4096, small), "BACKEND_PROTOCOL");
  // Before a byte of it has come.
  EXPECT_EQ(Parse("$101\r\n", 64, small), "BACKEND_PROTOCOL");
  EXPECT_EQ(Parse("$" + std::string(70'000, '1'), 4096, small), "BACKEND_PROTOCOL");
  EXPECT_EQ(Parse("+" + std::string(70'000, 'x'), 4096, small), "BACKEND_PROTOCOL");
  EXPECT_EQ(Parse("*11\r\n", 64, small), "BACKEND_PROTOCOL");
  // Many small arrays are many parts as well.
  EXPECT_NE(Parse("*3\r\n*3\r\n:1\r\n:1\r\n:1\r\n*3\r\n:1\r\n:1\r\n:1\r\n*3\r\n:1\r\n", 64, small)
                .find("BACKEND_PROTOCOL"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 12; ++i) deep += "*1\r\n";
  EXPECT_NE(Parse(deep, 64).find("BACKEND_PROTOCOL"), std::string::npos);
}

TEST(ReplyReader, ANewReplyHasAllItsParts) {
  const ReplyLimits small{.max_bytes = 100, .max_parts = 3};
  EXPECT_EQ(Parse("*2\r\n:1\r\n:2\r\n*2\r\n:1\r\n:2\r\n", 64, small), "0*2 1:1 1:2 ;0*2 1:1 1:2 ;");
}

TEST(ReplyReader, ReadsOnBehindALargeReply) {
  const std::string large(std::size_t{1} << 20, 'x');
  const std::string bytes =
      fmt::format("${0}\r\n{1}\r\n+one\r\n${0}\r\n{1}\r\n+two\r\n+three\r\n", large.size(), large);
  for (const std::size_t piece : {ReplyReader::kPiece, std::size_t{1000}, bytes.size()}) {
    EXPECT_TRUE(Parse(bytes, piece) == fmt::format("0b{0} ;0+one ;0b{0} ;0+two ;0+three ;", large));
  }
}

TEST(ReplyReader, DropsTheRestOfWhatIsUnwanted) {
  ReplyReader reader({});
  IntegerReply integer;
  ASSERT_TRUE(reader.Feed("*2\r\n:1\r\n:2\r\n:7\r\n"));
  EXPECT_EQ(reader.Read(integer).value(), Outcome::kUnwanted);
  EXPECT_EQ(reader.Read(integer).value(), Outcome::kReply);
  EXPECT_EQ(integer.value(), 7);
}

TEST(ReplyReader, AReplyMayBeContinuedWithAnotherSink) {
  ReplyReader reader({});
  ListReply first;
  IgnoredReply rest;
  ASSERT_TRUE(reader.Feed("*2\r\n$1\r\na\r\n"));
  EXPECT_EQ(reader.Read(first).value(), Outcome::kMore);
  ASSERT_TRUE(reader.Feed("$1\r\nb\r\n"));
  EXPECT_EQ(reader.Read(rest).value(), Outcome::kReply);
  EXPECT_EQ(first.values().size(), 1U);
}

TEST(Replies, TakeWhatTheyAreFor) {
  std::string text = "before ";
  BytesReply bytes(text);
  EXPECT_TRUE(bytes.Take({.kind = ReplyPart::Kind::kBulk, .text = "value"}));
  EXPECT_EQ(text, "before value");
  EXPECT_TRUE(bytes.found());
  EXPECT_TRUE(bytes.Take({.kind = ReplyPart::Kind::kNil}));
  EXPECT_FALSE(bytes.found());
  EXPECT_FALSE(bytes.Take({.kind = ReplyPart::Kind::kInteger}));
  StatusReply status;
  EXPECT_TRUE(status.Take({.kind = ReplyPart::Kind::kStatus, .text = "OK"}));
  EXPECT_TRUE(status.done());
  EXPECT_TRUE(status.Take({.kind = ReplyPart::Kind::kNil}));
  EXPECT_FALSE(status.done());
  EXPECT_FALSE(status.Take({.kind = ReplyPart::Kind::kBulk, .text = "OK"}));
}

TEST(RespCommand, IsBinarySafeAndJoinsPieces) {
  std::string out;
  const std::array<RespArgument, 3> command = {RespArgument{"SET"}, RespArgument{"ns:", "k\r\n"},
                                               RespArgument{std::string_view("\0", 1), ""}};
  AppendRespCommand(out, command);
  EXPECT_EQ(out, std::string_view("*3\r\n$3\r\nSET\r\n$6\r\nns:k\r\n\r\n$1\r\n\0\r\n", 32));
  EXPECT_EQ(RespPayload(command), 10U);
}

}  // namespace
}  // namespace prism::backends
