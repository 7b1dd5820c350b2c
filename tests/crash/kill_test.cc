// Kills the gateway under load, again and again: what was acknowledged must be there afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/rounds.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/client/client.h"
#include "tests/support/prism_process.h"

namespace prism {
namespace {

namespace kv = keyvalue::v1;
using std::chrono::milliseconds;

constexpr int kThreads = 8;
constexpr auto kCallLimit = milliseconds(5'000);

std::string Path(std::string_view method) { return "/prism.keyvalue.v1." + std::string(method); }

// What one thread knows of its own keys: nobody else writes them.
struct Known {
  std::string value;       // of the last acknowledged write; empty: acknowledged as deleted
  bool uncertain = false;  // a later write got no answer
  std::string maybe;       // what that write would have left
};

class Writer {
 public:
  Writer(int index, std::uint64_t seed) : index_(index), random_(seed) {}

  // Writes until the connection breaks. Every answer must name fsynced.
  void Run(const std::string& address) {
    rpc::Channel channel({.target = address});
    while (WriteOne(channel)) {
    }
  }

  // Every key holds what was acknowledged last, or what the unanswered write would have left.
  void Verify(const std::string& address) {
    rpc::Channel channel({.target = address});
    for (auto& [key, known] : keys_) {
      kv::GetRequest get;
      get.set_namespace_("default");
      get.set_key(key);
      kv::GetResponse got;
      const auto called = channel.Call(Path("KeyValueBasic/Get"), get, got,
                                       {.timeout = kCallLimit, .metadata = {}});
      ASSERT_TRUE(called.has_value()) << called.error().ToString();
      const bool acknowledged = got.value() == known.value;
      const bool unanswered = known.uncertain && got.value() == known.maybe;
      ASSERT_TRUE(acknowledged || unanswered)
          << key << " holds '" << got.value() << "', acknowledged was '" << known.value << "'";
      known = {.value = got.value(), .uncertain = false, .maybe = {}};
    }
  }

  std::size_t acknowledged() const { return acknowledged_; }

 private:
  bool WriteOne(rpc::Channel& channel) {
    const std::string key =
        "kill/" + std::to_string(index_) + "/" + std::to_string(random_() % 500);
    Known& known = keys_[key];
    known.maybe = random_() % 5 == 0 ? "" : "value " + std::to_string(++written_);
    known.uncertain = true;
    const auto outcome =
        known.maybe.empty() ? Delete(channel, key) : Set(channel, key, known.maybe);
    if (!outcome) return false;
    EXPECT_EQ(outcome->Header("prism-durability"), "fsynced");
    known = {.value = known.maybe, .uncertain = false, .maybe = {}};
    ++acknowledged_;
    return true;
  }

  static Result<rpc::Reply> Set(rpc::Channel& channel, const std::string& key,
                                const std::string& value) {
    kv::SetRequest request;
    request.set_namespace_("default");
    request.set_key(key);
    request.set_value(value);
    kv::SetResponse response;
    return channel.Call(Path("KeyValueBasic/Set"), request, response,
                        {.timeout = kCallLimit, .metadata = {}});
  }

  static Result<rpc::Reply> Delete(rpc::Channel& channel, const std::string& key) {
    kv::DeleteRequest request;
    request.set_namespace_("default");
    request.set_key(key);
    kv::DeleteResponse response;
    return channel.Call(Path("KeyValueBasic/Delete"), request, response,
                        {.timeout = kCallLimit, .metadata = {}});
  }

  int index_;
  std::mt19937_64 random_;
  std::map<std::string, Known> keys_;
  std::size_t written_ = 0;
  std::size_t acknowledged_ = 0;
};

TEST(KillStressTest, EveryAcknowledgedWriteSurvives) {
  const auto rounds = base::Rounds(10, 100);
  constexpr std::uint64_t seed = 1;
  std::mt19937_64 random(seed);
  std::vector<Writer> writers;
  for (int i = 0; i < kThreads; ++i)
    writers.emplace_back(i, seed * 1'000 + static_cast<std::uint64_t>(i));
  testing::PrismProcess gateway({"--log-level", "warn"});
  for (std::int64_t round = 0; round < rounds; ++round) {
    gateway.Start();
    for (Writer& writer : writers) {
      writer.Verify(gateway.data_address());
      if (HasFatalFailure())
        FAIL() << "round " << round << ", seed " << seed << "\n" << gateway.Log();
    }
    std::vector<std::jthread> threads;
    for (Writer& writer : writers)
      threads.emplace_back([&] { writer.Run(gateway.data_address()); });
    testing::LetRun(milliseconds(50 + random() % 300));
    gateway.Kill();
    threads.clear();
  }
  std::size_t acknowledged = 0;
  for (const Writer& writer : writers) acknowledged += writer.acknowledged();
  fmt::print("{} kills, {} writes acknowledged, none lost\n", rounds, acknowledged);
  EXPECT_GT(acknowledged, static_cast<std::size_t>(rounds));
}

}  // namespace
}  // namespace prism
