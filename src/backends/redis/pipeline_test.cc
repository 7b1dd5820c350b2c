#include "backends/redis/pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prism::backends {
namespace {

const Error& Cut() {
  static const Error error(Code::kUnavailable, "CONNECTION_LOST", "cut");
  return error;
}

// ECHO of a text of its own.
class Ask final : public PipelinedRequest {
 public:
  explicit Ask(std::string text)
      : PipelinedRequest(command_, sink_),
        text_(std::move(text)),
        command_{RespArgument{"ECHO"}, RespArgument{text_}} {}

  void OnEnd(Status status) override {
    EXPECT_FALSE(ended) << "twice";
    ended = std::move(status);
  }
  const std::string& text() const { return text_; }
  const std::string& got() const { return got_; }

  std::optional<Status> ended;

 private:
  std::string text_;
  std::array<RespArgument, 2> command_;
  std::string got_;
  BytesReply sink_{got_};
};

// Answers ECHO as Redis does.
class EchoServer {
 public:
  void Take(std::string_view bytes) {
    in_ += bytes;
    while (true) {
      const std::size_t begin = in_.find("ECHO\r\n$");
      if (begin == std::string::npos) return;
      const std::size_t line = in_.find("\r\n", begin + 7);
      if (line == std::string::npos) return;
      const std::size_t size = std::stoul(in_.substr(begin + 7));
      if (in_.size() < line + 2 + size + 2) return;
      out += fmt::format("${}\r\n{}\r\n", size, in_.substr(line + 2, size));
      in_.erase(0, line + 2 + size + 2);
    }
  }
  std::string out;

 private:
  std::string in_;
};

struct Bench {
  explicit Bench(PipelineLimits limits = {}) : pipeline(limits, counters) { Connect(); }
  void Connect() {
    server = {};
    pipeline.Begin();
    pipeline.Open();
  }
  void Exchange() {
    pipeline.Fill();
    server.Take(pipeline.output());
    pipeline.Sent(pipeline.output().size());
    EXPECT_TRUE(pipeline.Receive(std::exchange(server.out, {})));
  }
  DriverCounters counters;
  Pipeline pipeline;
  EchoServer server;
};

TEST(Pipeline, AnswersInOrder) {
  Bench bench;
  std::deque<Ask> asks;
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(bench.pipeline.Add(asks.emplace_back(fmt::format("text {}", i))));
  }
  while (!asks.back().ended) bench.Exchange();
  for (const Ask& ask : asks) EXPECT_EQ(ask.got(), ask.text());
  EXPECT_EQ(bench.pipeline.in_flight(), 0U);
}

TEST(Pipeline, KeepsWhatMayBeInFlight) {
  Bench bench({.in_flight = 4, .waiting = 6, .output_bytes = 1000});
  std::deque<Ask> asks;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(bench.pipeline.Add(asks.emplace_back("x")));
  const Status more = bench.pipeline.Add(asks.emplace_back("one too many"));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().reason(), "BACKEND_OVERLOADED");
  asks.pop_back();
  bench.pipeline.Fill();
  EXPECT_EQ(bench.pipeline.in_flight(), 4U);
  EXPECT_EQ(bench.pipeline.waiting(), 2U);
  bench.Exchange();
  bench.Exchange();
  for (const Ask& ask : asks) EXPECT_TRUE(ask.ended && *ask.ended);
}

TEST(Pipeline, KeepsWhatMayWaitAndBeWritten) {
  Bench bench({.waiting_bytes = 5000, .output_bytes = 1000});
  std::deque<Ask> asks;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(bench.pipeline.Add(asks.emplace_back(std::string(1200, 'x'))));
  }
  EXPECT_FALSE(bench.pipeline.Add(asks.emplace_back(std::string(1200, 'x'))));
  asks.pop_back();
  bench.pipeline.Fill();
  EXPECT_EQ(bench.pipeline.in_flight(), 1U);
  while (!asks.back().ended) bench.Exchange();
  // One that is larger than the limit goes alone.
  ASSERT_TRUE(bench.pipeline.Add(asks.emplace_back(std::string(9000, 'x'))));
  bench.Exchange();
  EXPECT_EQ(asks.back().got().size(), 9000U);
}

TEST(Pipeline, TheReplyOfAForgottenRequestGoesToNobody) {
  Bench bench;
  Ask first("first");
  Ask second("second");
  Ask third("third");
  for (Ask* ask : {&first, &second, &third}) ASSERT_TRUE(bench.pipeline.Add(*ask));
  EXPECT_EQ(bench.pipeline.Forget(third), Executed::kNo);
  bench.pipeline.Fill();
  EXPECT_EQ(bench.pipeline.Forget(first), Executed::kMaybe);
  bench.Exchange();
  EXPECT_FALSE(first.ended);
  EXPECT_EQ(first.got(), "");
  EXPECT_EQ(second.got(), "second");
  EXPECT_EQ(bench.pipeline.in_flight(), 0U);
}

TEST(Pipeline, WhatHasNotLeftIsSentOnTheNextConnection) {
  Bench bench;
  Ask sent("sent");
  Ask half("half sent");
  Ask later("later");
  ASSERT_TRUE(bench.pipeline.Add(sent));
  bench.pipeline.Fill();
  bench.pipeline.Sent(bench.pipeline.output().size());
  ASSERT_TRUE(bench.pipeline.Add(half));
  ASSERT_TRUE(bench.pipeline.Add(later));
  bench.pipeline.Fill();
  bench.pipeline.Sent(10);
  bench.pipeline.Lose(Cut());
  ASSERT_TRUE(sent.ended);
  EXPECT_EQ(sent.ended->error().reason(), "BACKEND_UNAVAILABLE");
  EXPECT_FALSE(half.ended);
  EXPECT_EQ(bench.pipeline.waiting(), 2U);
  bench.Connect();
  bench.Exchange();
  EXPECT_EQ(half.got(), "half sent");
  EXPECT_EQ(later.got(), "later");
}

TEST(Pipeline, NothingWaitsForALoginOnAnotherConnection) {
  Bench bench;
  bench.pipeline.Lose(Cut());
  bench.pipeline.Begin();
  Ask login("login");
  Ask waits("waits");
  bench.pipeline.AddLogin(login);
  ASSERT_TRUE(bench.pipeline.Add(waits));
  bench.pipeline.Fill();
  EXPECT_EQ(bench.pipeline.in_flight(), 1U);
  bench.pipeline.Lose(Cut());
  ASSERT_TRUE(login.ended);
  EXPECT_FALSE(waits.ended);
  bench.pipeline.FailWaiting(Cut(), RequestEnd::kUnreached);
  EXPECT_TRUE(waits.ended);
}

TEST(Pipeline, AnErrorEndsItsRequestAlone) {
  Bench bench;
  Ask first("first");
  Ask second("second");
  ASSERT_TRUE(bench.pipeline.Add(first));
  ASSERT_TRUE(bench.pipeline.Add(second));
  bench.pipeline.Fill();
  bench.pipeline.Sent(bench.pipeline.output().size());
  ASSERT_TRUE(bench.pipeline.Receive("-WRONGTYPE no\r\n$6\r\nsecond\r\n"));
  EXPECT_EQ(first.ended->error().reason(), "FOREIGN_TYPE");
  EXPECT_EQ(second.got(), "second");
}

TEST(Pipeline, TheConnectionEndsWhenRepliesCantBeTrusted) {
  for (const auto& [reply, reason] :
       {std::pair(":1\r\n", "BACKEND_REPLY_UNEXPECTED"), std::pair("HTTP/1.1", "BACKEND_PROTOCOL"),
        std::pair("-NOAUTH Authentication required.\r\n", "BACKEND_LOGIN_REFUSED")}) {
    Bench bench;
    Ask ask("text");
    ASSERT_TRUE(bench.pipeline.Add(ask));
    bench.pipeline.Fill();
    bench.pipeline.Sent(bench.pipeline.output().size());
    const Status received = bench.pipeline.Receive(reply);
    ASSERT_FALSE(received) << reply;
    EXPECT_EQ(received.error().reason(), reason);
    bench.pipeline.Lose(received.error());
    EXPECT_TRUE(ask.ended && !*ask.ended);
  }
}

TEST(Pipeline, RepliesThatNobodyAskedForEndTheConnection) {
  Bench bench;
  EXPECT_EQ(bench.pipeline.Receive("+OK\r\n").error().reason(), "BACKEND_PROTOCOL");
  Bench full;
  EXPECT_EQ(full.pipeline.Receive("-ERR max number of clients reached\r\n").error().reason(),
            "BACKEND_CONNECTIONS_EXHAUSTED");
  // Nor can a command be answered of which only a part has left.
  Bench early;
  Ask ask("text");
  ASSERT_TRUE(early.pipeline.Add(ask));
  early.pipeline.Fill();
  early.pipeline.Sent(3);
  EXPECT_EQ(early.pipeline.Receive("$4\r\ntext\r\n").error().reason(), "BACKEND_PROTOCOL");
  early.pipeline.Lose(Cut());
  early.pipeline.FailWaiting(Cut(), RequestEnd::kUnreached);
}

// A random life: requests come and are forgotten, bytes pass in pieces, connections are cut.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed) {}

  void Live() {
    for (int step = 0; step < 4000; ++step) {
      Step();
      Check();
    }
    while (bench_.pipeline.waiting() + bench_.pipeline.in_flight() > 0) {
      bench_.Exchange();
      Check();
    }
    EXPECT_TRUE(asks_.empty());
    EXPECT_GT(answered_, 300);
    DriverCounts counts;
    bench_.counters.AddTo(counts);
    // Forgotten ones are counted by who forgets.
    EXPECT_EQ(counts.in_flight(), static_cast<std::uint64_t>(forgotten_));
  }

 private:
  unsigned Dice(unsigned sides) { return random_() % sides; }

  void Step() {
    switch (Dice(8)) {
      case 0:
      case 1:
      case 2: {
        auto ask = std::make_unique<Ask>(
            fmt::format("{}:{}", number_++, std::string(Dice(20) == 0 ? Dice(3000) : 3, 'x')));
        if (bench_.pipeline.Add(*ask)) asks_.push_back(std::move(ask));
        break;
      }
      case 3:
        bench_.pipeline.Fill();
        break;
      case 4: {
        const std::string_view out = bench_.pipeline.output();
        const std::size_t size = std::min<std::size_t>(out.size(), Dice(400));
        bench_.server.Take(out.substr(0, size));
        bench_.pipeline.Sent(size);
        break;
      }
      case 5:
      case 6: {
        const std::size_t size = std::min<std::size_t>(bench_.server.out.size(), Dice(500));
        EXPECT_TRUE(bench_.pipeline.Receive(bench_.server.out.substr(0, size)));
        bench_.server.out.erase(0, size);
        break;
      }
      default:
        Disturb();
    }
  }

  void Disturb() {
    if (Dice(20) == 0) {
      bench_.pipeline.Lose(Cut());
      bench_.Connect();
    } else if (!asks_.empty() && Dice(6) == 0) {
      const std::size_t which = Dice(static_cast<unsigned>(asks_.size()));
      bench_.pipeline.Forget(*asks_[which]);
      asks_.erase(asks_.begin() + static_cast<std::ptrdiff_t>(which));
      ++forgotten_;
    }
  }

  void Check() {
    std::erase_if(asks_, [this](const std::unique_ptr<Ask>& ask) {
      if (!ask->ended) return false;
      if (*ask->ended) {
        ++answered_;
        EXPECT_EQ(ask->got(), ask->text());
      }
      return true;
    });
  }

  std::minstd_rand random_;
  Bench bench_{{.in_flight = 16, .waiting = 64, .output_bytes = 2000}};
  std::vector<std::unique_ptr<Ask>> asks_;
  int number_ = 0;
  int answered_ = 0;
  int forgotten_ = 0;
};

TEST(Pipeline, NoReplyEverGoesToAnotherRequest) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Life(seed).Live();
  }
}

}  // namespace
}  // namespace prism::backends
