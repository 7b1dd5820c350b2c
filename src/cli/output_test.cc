#include "cli/output.h"

#include <gtest/gtest.h>

#include "cli/progress.h"
#include "cli/shell.h"

namespace prism::cli {
namespace {

TEST(PrintableTest, LeavesTextAloneAndEscapesTheRest) {
  EXPECT_EQ(Printable("plain äöü 漢字 😀"), "plain äöü 漢字 😀");
  EXPECT_EQ(Printable("a\nb\tc\rd\\e"), "a\\nb\\tc\\rd\\\\e");
  EXPECT_EQ(Printable(std::string_view("\0\x1b[31m\x7f", 7)), "\\x00\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("\xff\xc0\x80\xe2\x82"), "\\xff\\xc0\\x80\\xe2\\x82");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "1m\xe2\x80\xae"),
            "\\u{9b}1m\\u{202e}")
      << "C1 controls, right-to-left override";
  EXPECT_EQ(Printable("\xed\xa0\x80\xf4\x90\x80\x80"), "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80")
      << "no code points";
}

TEST(PrintableMessageTest, KeepsLinesAndNothingElse) {
  EXPECT_EQ(PrintableMessage("two problems:\n  \"a\\n\"\x1b[2J\r"),
            "two problems:\n  \"a\\n\"\\x1b[2J\\r");
}

TEST(ShortenedTest, CutsBetweenCharactersAndTellsTheSize) {
  EXPECT_EQ(Shortened("short", 5), "short");
  EXPECT_EQ(Shortened("longer", 5), "longe... (6 bytes)");
  EXPECT_EQ(Shortened("ääää", 2), "ää... (8 bytes)");
  EXPECT_EQ(Shortened(std::string(1'000'000, 'x'), 3), "xxx... (1000000 bytes)");
}

TEST(TableTest, AlignsColumnsByCharactersAndPrintsItsHeaderOnce) {
  Table table({"KEY", "VALUE"});
  table.Add({"äö", "1"});
  table.Add({"longer", "2"});
  EXPECT_EQ(table.Format(false), "KEY     VALUE\näö      1\nlonger  2\n");
  table.Add({"x", "3"});
  EXPECT_EQ(table.Format(false), "x       3\n");
  EXPECT_EQ(Table({"A"}).Format(true), "\x1b[1mA\x1b[0m\n");
}

TEST(DescribeErrorTest, NamesCodeReasonAndWhatToDo) {
  EXPECT_EQ(DescribeError(Error(Code::kNotFound, "NAMESPACE_NOT_FOUND", "no namespace \"x\"")),
            "error: NOT_FOUND/NAMESPACE_NOT_FOUND: no namespace \"x\"");
  const std::string text = DescribeError(
      Error(Code::kUnavailable, "SERVER_UNREACHABLE", "nobody").With("request_id", "r1"));
  EXPECT_TRUE(
      text.starts_with("error: UNAVAILABLE/SERVER_UNREACHABLE: nobody (request id r1)\nhint: "))
      << text;
  EXPECT_NE(text.find("PRISM_SERVER"), std::string::npos);
}

TEST(DescribeErrorTest, TellsEachProblemThatItsMessageDoesNot) {
  EXPECT_EQ(DescribeError(Error(Code::kFailedPrecondition, "CONFIG_UNBINDABLE", "2 can't be served")
                              .WithField("backends.a", "BAD_TYPE: no type \"x\"\x1b[2J")
                              .WithField("namespaces.b", "BAD_SLOT: name one")),
            "error: FAILED_PRECONDITION/CONFIG_UNBINDABLE: 2 can't be served\n"
            "  backends.a: BAD_TYPE: no type \"x\"\\x1b[2J\n"
            "  namespaces.b: BAD_SLOT: name one");
  EXPECT_EQ(DescribeError(InvalidField("BAD_LIMIT", "limit", "is too large")),
            "error: INVALID_ARGUMENT/BAD_LIMIT: limit: is too large");
  EXPECT_EQ(DescribeError(Error(Code::kResourceExhausted, "VALUE_TOO_LARGE", "value: has 9 bytes")
                              .WithField("value", "is larger than 8 bytes")),
            "error: RESOURCE_EXHAUSTED/VALUE_TOO_LARGE: value: has 9 bytes");
  EXPECT_EQ(DescribeError(Error(Code::kInvalidArgument, "BACKEND_NOT_FOUND", "no \"x\" for a")
                              .WithField("namespaces.a", "no \"x\"")
                              .WithField("namespaces.b", "no \"x\"")),
            "error: INVALID_ARGUMENT/BACKEND_NOT_FOUND: no \"x\" for a\n"
            "  namespaces.a: no \"x\"\n"
            "  namespaces.b: no \"x\"");
}

TEST(ProgressTest, SaysHowFarAndHowFast) {
  EXPECT_EQ(Progress("keys imported:", 1000).Describe(50, 500, kNanosPerSecond),
            "[##########..........]  50%  keys imported: 50, 500 B, 50/s");
  EXPECT_EQ(Progress("keys exported:", 0).Describe(10, 2048, 2 * kNanosPerSecond),
            "keys exported: 10, 2.00 KiB, 5/s");
}

}  // namespace
}  // namespace prism::cli
