// More connections than the server keeps: it stays open for everybody else.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/rounds.h"
#include "base/testing/temp_directory.h"
#include "tests/floods/arena.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

// A gateway that keeps the default number of connections under soak, and few otherwise.
class Crowd {
 public:
  Crowd() {
    std::ofstream(directory_.File("prism.yaml"))
        << fmt::format("server: {{limits: {{max_connections: {}}}}}\n", kept_);
    arena_ = std::make_unique<Arena>(
        std::vector<std::string>{"--config", directory_.File("prism.yaml")});
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // Everybody comes once and stays.
  Report Fill(std::string name, Script script) {
    const Report report = arena_->Run({.name = std::move(name),
                                       .script = std::move(script),
                                       .connections = static_cast<int>(2 * kept_),
                                       .max_attempts = 2 * kept_,
                                       .duration = std::chrono::seconds(120)});
    EXPECT_EQ(report.attack.attempts, 2 * kept_);
    EXPECT_LE(report.attack.open, kept_);
    EXPECT_GE(report.attack.open, kept_ - 100) << "the server keeps fewer than it may";
    fmt::print("{} bytes for each open connection\n",
               report.grown_bytes() / static_cast<std::uint64_t>(report.attack.open));
    return report;
  }

 private:
  const std::int64_t kept_ = base::Rounds(500, 10'000);
  base::testing::TempDirectory directory_;
  std::unique_ptr<Arena> arena_;
};

TEST(FloodsStress, ConnectionAttempts) {
  Arena arena;
  const auto attempts = base::Rounds(5'000, 100'000);
  const Report report = arena.Run({.name = "connection attempts",
                                   .script = {},
                                   .connections = 256,
                                   .max_attempts = attempts,
                                   .duration = std::chrono::seconds(120),
                                   .hangs_up = true});
  EXPECT_EQ(report.attack.attempts, attempts);
}

TEST(FloodsStress, ConnectionsThatSayNothing) {
  Crowd().Fill("open and silent", [](Attacker&, std::string&) {});
}

TEST(FloodsStress, ConnectionsThatIdleAfterACall) {
  const std::string call = Hello() + CallFrames(1, kGetPath, GetMessage("key"));
  Crowd().Fill("open and idle after a call", [call](Attacker& attacker, std::string& out) {
    if (attacker.step == 0) out = call;
  });
}

}  // namespace
}  // namespace prism::floods
