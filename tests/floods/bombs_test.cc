// A few bytes that stand for many: compressed headers, compressed messages, JSON.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rpc/wire/gzip.h"
#include "tests/floods/arena.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

constexpr std::uint32_t kEnhanceYourCalm = 11;

Attack Bombs(std::string name, Script script) {
  return {.name = std::move(name),
          .script = std::move(script),
          .duration = AttackTime(),
          .until_received = 1};
}

// The same call on one stream after the other.
Script Calls(const std::string& headers, const std::string& body) {
  return [=](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello();
    out += Frame(kHeaders, kEndHeaders, attacker.next_stream, headers);
    out += DataFrames(attacker.next_stream, body, true);
    attacker.next_stream += 2;
  };
}

std::string Zipped(std::string_view message) {
  std::string out;
  rpc::Gzip(message, out);
  return out;
}

std::string JsonPost(std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      kSetPath, body.size(), body);
}

TEST(FloodsStress, CompressedHeaders) {
  Arena arena;
  const std::string entry = Literal("x", std::string(4'000, 'h'), true);
  const std::string block = CallBlock(kGetPath);
  Attack attack = Bombs("HPACK bombs", [=](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello() + Frame(kHeaders, 5, 1, block + entry);
    attacker.next_stream += 2;
    out += Frame(kHeaders, 5, attacker.next_stream, block + std::string(16'000, '\xbe'));
  });
  attack.until_ended = 1;
  const Report report = arena.Run(attack);
  EXPECT_TRUE(report.attack.goaways.contains(kEnhanceYourCalm)) << report.attack.Describe();
}

TEST(FloodsStress, ManyCookies) {
  Arena arena;
  std::string block = CallBlock(kGetPath);
  while (block.size() < 16'000) block += Literal("cookie", "a=b");
  const Report report = arena.Run(Bombs("many cookies", Calls(block, Framed(GetMessage("key")))));
  EXPECT_EQ(report.attack.goaways.size(), 0u) << "too many headers are answered";
  EXPECT_GT(report.attack.received, 0u);
}

TEST(FloodsStress, MessagesThatUnpackBeyondTheLimit) {
  Arena arena;
  const std::string headers = CallBlock(kSetPath) + Literal("grpc-encoding", "gzip");
  const std::string bomb = Framed(Zipped(std::string(64 << 20, '\0')), true);
  arena.Run(Bombs("gzip bombs", Calls(headers, bomb)));
}

TEST(FloodsStress, MessagesThatUnpackToTheLimit) {
  Arena arena;
  const std::string headers = CallBlock(kSetPath) + Literal("grpc-encoding", "gzip");
  const std::string large =
      Framed(Zipped(SetMessage("packed", std::string(4'000'000, '\0'))), true);
  arena.Run(Bombs("gzip of the largest messages", Calls(headers, large)));
}

TEST(FloodsStress, NestedJson) {
  Arena arena;
  const std::string post = JsonPost(R"({"value":)" + std::string(1 << 20, '['));
  const Report report =
      arena.Run(Bombs("nested JSON", [post](Attacker&, std::string& out) { out = post; }));
  EXPECT_TRUE(report.attack.statuses.contains(400)) << report.attack.Describe();
}

TEST(FloodsStress, LargeJson) {
  Arena arena;
  std::string text = R"({"namespace":"scratch","unknown":[)";
  while (text.size() < 4'000'000) text += "[],";
  const std::string post = JsonPost(text + "0]}");
  const Report report =
      arena.Run(Bombs("large JSON", [post](Attacker&, std::string& out) { out = post; }));
  EXPECT_TRUE(report.attack.statuses.contains(400)) << report.attack.Describe();
}

// Nothing about them is wrong: as many calls as the server takes.
TEST(FloodsStress, OrdinaryCalls) {
  Arena arena;
  arena.Run(Bombs("ordinary calls", Calls(CallBlock(kGetPath), Framed(GetMessage("key")))));
}

TEST(FloodsStress, PipelinedCalls) {
  Arena arena;
  std::string posts;
  const std::string body = R"({"namespace":"scratch","key":"a2V5"})";
  for (int i = 0; i < 100; ++i) {
    posts += fmt::format(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "{}\r\n\r\n{}",
        kGetPath, body.size(), body);
  }
  arena.Run(
      Bombs("pipelined HTTP/1.1 calls", [posts](Attacker&, std::string& out) { out = posts; }));
}

}  // namespace
}  // namespace prism::floods
