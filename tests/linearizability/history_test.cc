// Records what 64 clients see while they set, get, delete and swap the same few keys, through
// crashes of the gateway, and checks that some order of the operations explains all of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/testing/rounds.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/client/client.h"
#include "tests/linearizability/checker.h"
#include "tests/support/prism_process.h"

namespace prism::linearizability {
namespace {

namespace kv = keyvalue::v1;
using std::chrono::milliseconds;

constexpr int kClients = 64;
constexpr int kKeys = 16;

using Histories = std::array<std::vector<Operation>, kKeys>;

// Where the gateway listens now; clients that lose it come back here.
class Address {
 public:
  void Set(std::string address) {
    const std::lock_guard lock(mutex_);
    address_ = std::move(address);
    ++generation_;
  }
  std::string Get() {
    const std::lock_guard lock(mutex_);
    return address_;
  }
  int generation() {
    const std::lock_guard lock(mutex_);
    return generation_;
  }

 private:
  std::mutex mutex_;
  std::string address_;
  int generation_ = 0;
};

Value ParseValue(const std::string& text) {
  Value value = kAbsent;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Client {
 public:
  Client(int index, std::uint64_t seed, std::string ns, std::string prefix)
      : index_(index), random_(seed), ns_(std::move(ns)), prefix_(std::move(prefix)) {}

  void Run(Address& address, const std::atomic<bool>& stop) {
    while (!stop) {
      const int generation = address.generation();
      rpc::Channel channel({.target = address.Get()});
      while (!stop && CallOne(channel)) {
      }
      while (!stop && address.generation() == generation) std::this_thread::yield();
    }
  }

  void CollectInto(Histories& histories) const {
    for (std::size_t key = 0; key < kKeys; ++key) {
      histories[key].insert(histories[key].end(), history_[key].begin(), history_[key].end());
    }
  }

 private:
  bool CallOne(rpc::Channel& channel) {
    const std::size_t key = random_() % kKeys;
    Operation op{
        .kind = static_cast<Kind>(random_() % 4), .client = index_, .invoked = MonotonicNow()};
    op.argument = static_cast<Value>(++written_) * kClients + static_cast<Value>(index_) + 1;
    op.expected = random_() % 4 == 0 ? kAbsent : last_seen_[key];
    const bool answered = Perform(channel, prefix_ + std::to_string(key), op);
    if (answered) {
      op.returned = MonotonicNow();
      if (op.kind == Kind::kGet) last_seen_[key] = op.seen;
    }
    // A read without an answer says nothing; a write without one may have happened.
    if (answered || op.kind != Kind::kGet) history_[key].push_back(op);
    return answered;
  }

  bool Perform(rpc::Channel& channel, const std::string& key, Operation& op) {
    switch (op.kind) {
      case Kind::kSet: {
        kv::SetRequest request;
        request.set_value(std::to_string(op.argument));
        kv::SetResponse response;
        return Call(channel, "KeyValueBasic/Set", key, request, response);
      }
      case Kind::kGet: {
        kv::GetRequest request;
        kv::GetResponse response;
        const bool answered = Call(channel, "KeyValueBasic/Get", key, request, response);
        op.seen = response.found() ? ParseValue(response.value()) : kAbsent;
        return answered;
      }
      case Kind::kDelete: {
        kv::DeleteRequest request;
        kv::DeleteResponse response;
        const bool answered = Call(channel, "KeyValueBasic/Delete", key, request, response);
        op.succeeded = response.existed();
        return answered;
      }
      case Kind::kCompareAndSwap: {
        kv::CompareAndSwapRequest request;
        request.set_value(std::to_string(op.argument));
        if (op.expected == kAbsent) {
          request.mutable_expect()->set_absent(true);
        } else {
          request.mutable_expect()->set_value(std::to_string(op.expected));
        }
        kv::CompareAndSwapResponse response;
        const bool answered = Call(channel, "KeyValueCas/CompareAndSwap", key, request, response);
        op.succeeded = response.swapped();
        return answered;
      }
    }
    return false;
  }

  template <class Request, class Response>
  bool Call(rpc::Channel& channel, std::string_view method, const std::string& key,
            Request& request, Response& response) {
    request.set_namespace_(ns_);
    request.set_key(key);
    const auto called = channel.Call("/prism.keyvalue.v1." + std::string(method), request, response,
                                     {.timeout = milliseconds(10'000), .metadata = {}});
    return called.has_value();
  }

  int index_;
  std::mt19937_64 random_;
  std::string ns_;
  std::string prefix_;
  std::array<Value, kKeys> last_seen_{};
  std::array<std::vector<Operation>, kKeys> history_;
  std::uint64_t written_ = 0;
};

struct Plan {
  std::string ns;
  int kills = 0;  // per round
};

// One round on keys of its own; returns the number of recorded operations.
std::size_t RunRound(testing::PrismProcess& gateway, const Plan& plan, std::int64_t round,
                     std::mt19937_64& random) {
  Address address;
  address.Set(gateway.data_address());
  std::atomic<bool> stop = false;
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(i, random(), plan.ns, "round" + std::to_string(round) + "/");
  }
  std::vector<std::jthread> threads;
  for (Client& client : clients) threads.emplace_back([&] { client.Run(address, stop); });
  const auto load = [&] { testing::LetRun(milliseconds(50 + random() % 150)); };
  load();
  for (int kill = 0; kill < plan.kills; ++kill) {
    gateway.Kill();
    gateway.Start();
    address.Set(gateway.data_address());
    load();
  }
  stop = true;
  threads.clear();
  Histories histories;
  for (const Client& client : clients) client.CollectInto(histories);
  std::size_t operations = 0;
  for (const auto& history : histories) {
    operations += history.size();
    const auto violation = FindViolation(history);
    EXPECT_FALSE(violation.has_value()) << *violation;
  }
  return operations;
}

void RunRounds(const Plan& plan) {
  const auto rounds = base::Rounds(5, 100);
  std::mt19937_64 random(1);
  testing::PrismProcess gateway({"--log-level", "warn"});
  gateway.Start();
  std::size_t operations = 0;
  for (std::int64_t round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    operations += RunRound(gateway, plan, round, random);
  }
  fmt::print("{} rounds of {} clients on {}, {} kills each: {} operations\n", rounds, kClients,
             plan.ns, plan.kills, operations);
  EXPECT_GT(operations, static_cast<std::size_t>(rounds) * kClients);
}

TEST(LinearizabilityStressTest, SqliteThroughKills) { RunRounds({.ns = "default", .kills = 1}); }
TEST(LinearizabilityStressTest, Memory) { RunRounds({.ns = "scratch", .kills = 0}); }

}  // namespace
}  // namespace prism::linearizability
