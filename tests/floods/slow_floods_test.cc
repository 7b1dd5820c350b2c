// Peers that are slow on purpose: heads and bodies that hardly come, answers that are hardly taken.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <utility>

#include "base/testing/temp_directory.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/server.h"
#include "tests/floods/frames.h"
#include "tests/floods/slow.h"

namespace prism::floods {
namespace {

constexpr std::uint16_t kInitialWindowSize = 4;
constexpr std::uint32_t kLargestWindow = 0x7fff'ffff;
constexpr std::string_view kLargePath = "/v1/scratch/keyvalue/large";

std::string Post(std::string_view path, std::string_view type, std::string_view length) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\n{}\r\n\r\n", path,
                     type, length);
}

// One DATA frame on stream 1 each time, after `first`.
Script DripData(const std::string& first, const std::string& bytes) {
  return [first, bytes](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = first;
    const char byte = bytes[static_cast<std::size_t>(attacker.step) % bytes.size()];
    out += Frame(kData, 0, 1, {&byte, 1});
  };
}

// `next` each time, after `first`.
Script DripFrom(const std::string& first, const std::string& next) {
  return [first, next](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = first;
    out += next;
  };
}

std::string CallBlockOf(std::string_view type) {
  return "\x83\x86" + Literal(":path", kSetPath) + Literal(":authority", "localhost") +
         Literal("content-type", type);
}

class SlowFloodsStress : public ::testing::Test {
 protected:
  Report Run(const SlowAttack& attack) {
    const std::string config = directory_.File("prism.yaml");
    std::ofstream(config) << attack.limit.Config();
    Arena arena({"--config", config}, &PutValues);
    return RunSlow(arena, attack);
  }

  static void PutValues(const std::string& address) {
    rpc::Channel channel({.target = address});
    keyvalue::v1::SetRequest request;
    request.set_namespace_("scratch");
    keyvalue::v1::SetResponse response;
    for (const auto& [key, size] : {std::pair("large", 1 << 20), std::pair("middling", 64 << 10)}) {
      request.set_key(key);
      request.set_value(std::string(static_cast<std::size_t>(size), 'v'));
      const auto set = channel.Call(kSetPath, request, response);
      EXPECT_TRUE(set) << set.error().ToString();
    }
  }

  base::testing::TempDirectory directory_;
};

TEST_F(SlowFloodsStress, HeadsOfHttp1) {
  const Report report =
      Run({.name = "slow heads of HTTP/1.1",
           .limit = {"header_timeout", rpc::ServerLimits{}.header_timeout},
           .kinds = {{"request line", Drip("GET /", "a")},
                     {"fields", Drip("GET / HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n")},
                     {"one long field", Drip("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "x")},
                     {"empty lines before it", Drip("", "\r\n")},
                     {"stands still", Once("GET / HTTP/1.1\r\nHost: localhost\r\n")},
                     {"one letter", Once("G")},
                     {"perhaps HTTP/2", Once("PR")}}});
  EXPECT_TRUE(report.attack.statuses.contains(408)) << report.attack.Describe();
}

TEST_F(SlowFloodsStress, HeadsOfHttp2) {
  const std::string hello = Hello();
  const std::string block = CallBlock(kGetPath);
  const std::string field = Literal("x", "y");
  Run({.name = "slow heads of HTTP/2",
       .limit = {"header_timeout", rpc::ServerLimits{}.header_timeout},
       .kinds = {{"preface", Drip("", hello.substr(0, 24) + std::string(1, '\0'))},
                 {"half a preface", Once(hello.substr(0, 20))},
                 {"SETTINGS", Drip(hello.substr(0, 24), Number(60, 3) + "\4" + std::string(65, 0))},
                 {"HEADERS", Drip(hello + Number(5'000, 3) + "\1\4" + Number(1) + block, field)},
                 {"CONTINUATION", DripFrom(hello + Frame(kHeaders, 0, 1, block),
                                           Frame(kContinuation, 0, 1, field))},
                 {"HEADERS without an end", Once(hello + Frame(kHeaders, 0, 1, block))},
                 {"half a frame header", Once(hello + std::string(4, '\0'))},
                 {"half a PING", Once(hello + Frame(kPing, 0, 0, "12345678").substr(0, 12))}}});
}

TEST_F(SlowFloodsStress, Bodies) {
  const std::string long_body = "Content-Length: 1000000";
  const std::string chunked = "Transfer-Encoding: chunked";
  const std::string json = "application/json";
  const std::string grpc = Hello() + Frame(kHeaders, kEndHeaders, 1, CallBlock(kSetPath));
  const auto http2 = [](std::string_view type) {
    return Hello() + Frame(kHeaders, kEndHeaders, 1, CallBlockOf(type));
  };
  Run({.name = "slow bodies",
       .limit = {"body_timeout", rpc::ServerLimits{}.body_timeout},
       .kinds = {{"Content-Length", Drip(Post(kSetPath, json, long_body), " ")},
                 {"that stands still", Once(Post(kSetPath, json, long_body) + "{")},
                 {"chunks of a byte", DripFrom(Post(kSetPath, json, chunked), "1\r\n \r\n")},
                 {"chunk byte by byte", Drip(Post(kSetPath, json, chunked) + "ffff\r\n", " ")},
                 {"chunk extension", Drip(Post(kSetPath, json, chunked) + "1;", "x")},
                 {"trailers", Drip(Post(kSetPath, json, chunked) + "0\r\n", "X: y\r\n")},
                 {"gRPC-Web", Drip(Post(kSetPath, "application/grpc-web+proto", long_body) +
                                       std::string(1, '\0') + Number(500'000),
                                   "x")},
                 {"resource", Drip(fmt::format("PUT {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n",
                                               kLargePath, long_body),
                                   "x")},
                 {"refused already", Drip(Post("/nothing/Here", json, long_body), "x")},
                 {"gRPC", DripData(grpc, Framed(std::string(1'000, 'x'))), true},
                 {"one DATA frame of gRPC",
                  Drip(grpc + Number(16'000, 3) + std::string(2, '\0') + Number(1) +
                           std::string(1, '\0') + Number(15'995),
                       "x"),
                  true},
                 {"gRPC without a body", Once(grpc), true},
                 {"Connect over HTTP/2", DripData(http2("application/json"), " "), true}}});
}

// Answers that the peer does not let go out, over HTTP/2.
TEST_F(SlowFloodsStress, WindowsThatHardlyOpen) {
  // Small enough that all of them together are not what is too much, too large for any window here.
  const std::string call = CallFrames(1, kGetPath, GetMessage("middling"));
  const std::string closed = Hello(Setting(kInitialWindowSize, 0)) + call;
  const auto open = [](std::int32_t id) { return Frame(kWindowUpdate, 0, id, Number(1)); };
  // The first call uses up the window of the connection, the second one has none.
  const std::string second = CallFrames(3, kGetPath, GetMessage("middling"));
  const Script of_connection = [=](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = Hello(Setting(kInitialWindowSize, kLargestWindow)) + call;
    if (attacker.step == 1) out = second;
    if (attacker.step > 1) out = open(0);
  };
  Run({.name = "windows that hardly open",
       .limit = {"send_timeout", rpc::ServerLimits{}.send_timeout},
       .kinds = {{"of the stream", DripFrom(closed, open(1)), true},
                 {"of the connection", of_connection, true},
                 {"never", Once(closed), true}},
       .each_in_soak = 32});
}

// Answers that stay in the kernel: more of them than it takes.
TEST_F(SlowFloodsStress, AnswersThatAreHardlyRead) {
  std::string http1;
  std::string calls = Hello(Setting(kInitialWindowSize, kLargestWindow)) +
                      Frame(kWindowUpdate, 0, 0, Number(kLargestWindow - 65'535));
  for (int i = 0; i < 16; ++i) {
    http1 += fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", kLargePath);
    calls += CallFrames(1 + 2 * i, kGetPath, GetMessage("large"));
  }
  Run({.name = "answers that are hardly read",
       .limit = {"send_timeout", rpc::ServerLimits{}.send_timeout},
       .kinds = {{"HTTP/1.1", Once(http1)}, {"HTTP/2", Once(calls)}},
       .read_bytes = 16,
       .each_in_soak = 16,
       .by_turns = true});
}

}  // namespace
}  // namespace prism::floods
