// Peers that make the server hold what it can't send, or wait for what never comes whole.
#include <gtest/gtest.h>

#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/client/client.h"
#include "tests/floods/arena.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

constexpr std::uint16_t kInitialWindowSize = 4;
constexpr std::uint32_t kLargestWindow = 0x7fff'ffff;
constexpr int kStreams = 100;
constexpr std::uint32_t kFlowControlError = 3;
constexpr std::uint32_t kEnhanceYourCalm = 11;

// A gateway with a value of a mebibyte.
class WindowFloodsStress : public ::testing::Test {
 protected:
  static void PutLargeValue(const std::string& address) {
    rpc::Channel channel({.target = address});
    keyvalue::v1::SetRequest request;
    request.set_namespace_("scratch");
    request.set_key("large");
    request.set_value(std::string(1 << 20, 'v'));
    keyvalue::v1::SetResponse response;
    const auto set = channel.Call(kSetPath, request, response);
    EXPECT_TRUE(set) << set.error().ToString();
  }

  // So many calls that ask for the large value, then nothing.
  static Script AskForMuch(const std::string& hello) {
    std::string calls = hello;
    for (int i = 0; i < kStreams; ++i)
      calls += CallFrames(1 + 2 * i, kGetPath, GetMessage("large"));
    return [calls](Attacker& attacker, std::string& out) {
      if (attacker.step == 0) out = calls;
    };
  }

  Report Run(std::string name, Script script, bool reads = true, std::int64_t until_ended = 0) {
    return arena_.Run({.name = std::move(name),
                       .script = std::move(script),
                       .max_attempts = 10'000,
                       .duration = AttackTime(),
                       .until_ended = until_ended,
                       .reads = reads});
  }

  static void ExpectGoaway(const Report& report, std::uint32_t code) {
    EXPECT_TRUE(report.attack.goaways.contains(code)) << report.attack.Describe();
  }

  Arena arena_{{}, &PutLargeValue};
};

TEST_F(WindowFloodsStress, WindowsOfZero) {
  Run("answers behind a window of zero", AskForMuch(Hello(Setting(kInitialWindowSize, 0))));
}

TEST_F(WindowFloodsStress, AnswersThatNobodyReads) {
  const std::string wide = Hello(Setting(kInitialWindowSize, kLargestWindow)) +
                           Frame(kWindowUpdate, 0, 0, Number(kLargestWindow - 65'535));
  Run("answers that nobody reads", AskForMuch(wide), false);
}

TEST_F(WindowFloodsStress, WindowsThatOpenByOne) {
  const std::string first =
      Hello(Setting(kInitialWindowSize, 0)) + CallFrames(1, kGetPath, GetMessage("large"));
  const std::string one = Frame(kWindowUpdate, 0, 1, Number(1));
  const Report report = Run(
      "windows that open byte by byte",
      [first, one](Attacker& attacker, std::string& out) {
        if (attacker.step == 0) out = first;
        for (int i = 0; i < 1000; ++i) out += one;
      },
      true, 1);
  ExpectGoaway(report, kEnhanceYourCalm);
}

TEST_F(WindowFloodsStress, WindowsThatOverflow) {
  const std::string all = Hello() + Frame(kWindowUpdate, 0, 0, Number(kLargestWindow));
  const Report report = Run(
      "windows that overflow",
      [all](Attacker& attacker, std::string& out) {
        if (attacker.step == 0) out = all;
      },
      true, 1);
  ExpectGoaway(report, kFlowControlError);
}

TEST_F(WindowFloodsStress, WindowsThatGoUpAndDown) {
  std::string first = Hello();
  for (int i = 0; i < 1000; ++i) {
    first += Frame(kHeaders, kEndHeaders, 1 + 2 * i, CallBlock(kGetPath));
  }
  std::string changes;
  for (int i = 0; i < 16; ++i) {
    changes += Setting(kInitialWindowSize, 0) + Setting(kInitialWindowSize, 65'535);
  }
  const std::string frame = Frame(kSettings, 0, 0, changes);
  const Report report = Run(
      "windows that go up and down",
      [first, frame](Attacker& attacker, std::string& out) {
        if (attacker.step == 0) out = first;
        for (int i = 0; i < 100; ++i) out += frame;
      },
      true, 1);
  ExpectGoaway(report, kEnhanceYourCalm);
}

TEST_F(WindowFloodsStress, BodiesThatNeverEnd) {
  // The prefix announces a message of 4 MiB; 200 KB of it come, within the first window.
  const std::string body = Framed(std::string(4 << 20, 'b')).substr(0, 200'000);
  const std::string block = CallBlock(kSetPath);
  Run("bodies that never end", [=](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello();
    if (attacker.step >= 10 * kStreams) return;
    out += Frame(kHeaders, kEndHeaders, attacker.next_stream, block);
    out += DataFrames(attacker.next_stream, body, false);
    attacker.next_stream += 2;
  });
}

TEST_F(WindowFloodsStress, HeadersThatAreHoarded) {
  // An entry of the compression table with 3,900 bytes, then three references to it in each call.
  const std::string entry = Literal("x-large", std::string(3'900, 'h'), true);
  const std::string block = CallBlock(kSetPath);
  Run("headers that are hoarded", [=](Attacker& attacker, std::string& out) {
    if (attacker.step > 0) return;
    out = Hello() + Frame(kHeaders, kEndHeaders, 1, block + entry);
    for (int i = 1; i < 10 * kStreams; ++i) {
      out += Frame(kHeaders, kEndHeaders, 1 + 2 * i, block + "\xbe\xbe\xbe");
    }
  });
}

}  // namespace
}  // namespace prism::floods
