// Floods of HTTP/2 frames that cost the sender little: whoever sends them is thrown out, and the
// others notice nothing.
#include <gtest/gtest.h>

#include "tests/floods/arena.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

constexpr std::uint32_t kEnhanceYourCalm = 11;
constexpr std::size_t kBurst = 16 * 1024;

// After the preface, `frame` for ever.
Script Repeat(const std::string& frame, const std::string& first = Hello()) {
  std::string burst;
  while (burst.size() < kBurst) burst += frame;
  return [first, burst](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = first;
    out += burst;
  };
}

// Every attacker that the server has heard out was told why it was thrown out. Who goes on sending
// may lose the message to the reset that follows.
void ExpectCutOff(const Report& report, std::uint32_t code = kEnhanceYourCalm) {
  EXPECT_GT(report.attack.ended, 0) << "nobody was cut off";
  EXPECT_GT(report.attack.goaways.contains(code) ? report.attack.goaways.at(code) : 0, 0)
      << report.attack.Describe();
}

Attack Flood(std::string name, Script script) {
  return {.name = std::move(name),
          .script = std::move(script),
          .duration = AttackTime(),
          .until_ended = 1};
}

TEST(FloodsStress, RapidReset) {
  Arena arena;
  const std::string block = CallBlock(kGetPath);
  ExpectCutOff(arena.Run(Flood("rapid reset", [block](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello();
    while (out.size() < kBurst) {
      out += Frame(kHeaders, kEndHeaders, attacker.next_stream, block);
      out += Frame(kRstStream, 0, attacker.next_stream, Number(8));
      attacker.next_stream += 2;
    }
  })));
}

// Instead of resetting its streams the client makes the server reset them: a window that overflows
// is an error of the stream (RFC 9113 section 6.9.1).
TEST(FloodsStress, ResetsByTheServer) {
  Arena arena;
  const std::string block = CallBlock(kGetPath);
  ExpectCutOff(arena.Run(Flood("made the server reset", [=](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello();
    while (out.size() < kBurst) {
      out += Frame(kHeaders, kEndHeaders, attacker.next_stream, block);
      out += Frame(kWindowUpdate, 0, attacker.next_stream, Number(0x7fff'ffff));
      attacker.next_stream += 2;
    }
  })));
}

TEST(FloodsStress, Settings) {
  Arena arena;
  ExpectCutOff(arena.Run(Flood("SETTINGS", Repeat(Frame(kSettings, 0, 0)))));
}

TEST(FloodsStress, Ping) {
  Arena arena;
  ExpectCutOff(arena.Run(Flood("PING", Repeat(Frame(kPing, 0, 0, "12345678")))));
}

TEST(FloodsStress, Priority) {
  Arena arena;
  ExpectCutOff(arena.Run(Flood("PRIORITY", Repeat(Frame(kPriority, 0, 3, std::string(5, '\0'))))));
}

TEST(FloodsStress, Continuation) {
  Arena arena;
  const Report report = arena.Run(
      Flood("CONTINUATION", Repeat(Frame(kContinuation, 0, 1, Literal("x", "y")),
                                   Hello() + Frame(kHeaders, 0, 1, CallBlock(kGetPath)))));
  ExpectCutOff(report);
}

TEST(FloodsStress, EmptyData) {
  Arena arena;
  ExpectCutOff(arena.Run(Flood(
      "empty DATA",
      Repeat(Frame(kData, 0, 1), Hello() + Frame(kHeaders, kEndHeaders, 1, CallBlock(kGetPath))))));
}

TEST(FloodsStress, PaddedData) {
  Arena arena;
  ExpectCutOff(
      arena.Run(Flood("DATA with padding only",
                      Repeat(Frame(kData, kPadded, 1, std::string(1, '\0')),
                             Hello() + Frame(kHeaders, kEndHeaders, 1, CallBlock(kGetPath))))));
}

}  // namespace
}  // namespace prism::floods
