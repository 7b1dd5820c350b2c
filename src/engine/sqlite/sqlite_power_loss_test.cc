// What was answered is there after a loss of power: values, versions, request ids, and counters
// that agree with the rows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/testing/rounds.h"
#include "base/testing/temp_directory.h"
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/sqlite_engine.h"
#include "sqlite/testing/power_loss_vfs.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model
using testing::SqliteEngine;
using testing::TestCall;

// What a client knows of a key that it alone writes.
struct Known {
  std::optional<std::string> value;    // answered; nothing: absent
  std::string version;                 // of that
  std::optional<std::string> unknown;  // sent, not answered; empty text: a removal
  bool is_sent = false;
};

class Client {
 public:
  Client(int id, std::uint64_t seed) : id_(id), random_(seed) {}

  // Writes until something fails.
  static runtime::Task<void> Run(Client* self, SqliteEngine* engine) {
    for (int i = 0; i < 150; ++i) {
      const bool ok = self->random_() % 5 == 0 ? co_await Increment(self, engine)
                                               : co_await Write(self, engine);
      if (!ok) co_return;
      ++self->answered;
    }
  }

  // Holds the store to what was answered, and takes over what is there.
  void Check(SqliteEngine& engine);

  int answered = 0;

 private:
  static runtime::Task<bool> Write(Client* self, SqliteEngine* engine) {
    const std::string key =
        "c" + std::to_string(self->id_) + "/" + std::to_string(self->random_() % 8);
    Known& known = self->keys_[key];
    TestCall call(engine->clock().Now());
    known.is_sent = true;
    if (self->random_() % 6 == 0) {
      known.unknown.reset();
      DeleteRequest request;
      request.set_key(key);
      DeleteResponse response;
      if (!co_await engine->service<KeyValueBasic>().Delete(*call, request, response)) {
        co_return false;
      }
      known.value.reset();
      known.is_sent = false;
      co_return true;
    }
    SetRequest request;
    request.set_key(key);
    request.set_value("value " + std::to_string(++self->count_) +
                      std::string(self->random_() % 3000, 'x'));
    request.set_request_id(key + "#" + std::to_string(self->count_));
    known.unknown = request.value();
    SetResponse response;
    if (!co_await engine->service<KeyValueBasic>().Set(*call, request, response)) co_return false;
    EXPECT_TRUE(self->given_[key].insert(response.version()).second) << "a version came back";
    known.value = request.value();
    known.version = response.version();
    known.is_sent = false;
    self->last_request_ = request;
    self->last_version_ = response.version();
    co_return true;
  }
  static runtime::Task<bool> Increment(Client* self, SqliteEngine* engine) {
    TestCall call(engine->clock().Now());
    IncrementRequest request;
    request.set_key("n" + std::to_string(self->id_));
    request.set_delta(1);
    IncrementResponse response;
    if (!co_await engine->service<KeyValueCas>().Increment(*call, request, response)) {
      co_return false;
    }
    EXPECT_EQ(response.value(), ++self->counter_);
    co_return true;
  }

  const int id_;
  std::mt19937_64 random_;
  int count_ = 0;
  std::int64_t counter_ = 0;
  std::map<std::string, Known> keys_;
  std::map<std::string, std::set<std::string>> given_;  // versions by key
  SetRequest last_request_;
  std::string last_version_;
};

void Client::Check(SqliteEngine& engine) {
  for (auto& [key, known] : keys_) {
    GetRequest request;
    request.set_key(key);
    GetResponse response;
    ASSERT_TRUE(engine.Call(&KeyValueBasic::Get, request, response));
    const std::optional<std::string> found =
        response.found() ? std::optional(response.value()) : std::nullopt;
    if (known.is_sent && found == known.unknown && found != known.value) {
      if (response.found()) given_[key].insert(response.version());
    } else {
      ASSERT_EQ(found.has_value(), known.value.has_value()) << key;
      ASSERT_EQ(found, known.value) << key;
      if (found) ASSERT_EQ(response.version(), known.version) << key;
    }
    known = {.value = found, .version = response.version(), .unknown = {}};
  }
  GetRequest request;
  request.set_key("n" + std::to_string(id_));
  GetResponse response;
  ASSERT_TRUE(engine.Call(&KeyValueBasic::Get, request, response));
  const std::int64_t counter = response.found() ? std::stoll(response.value()) : 0;
  ASSERT_GE(counter, counter_);
  ASSERT_LE(counter, counter_ + 1);
  counter_ = counter;
  if (last_version_.empty()) return;
  // Sent again, it is answered and not done again.
  SetResponse repeated;
  ASSERT_TRUE(engine.Call(&KeyValueBasic::Set, last_request_, repeated));
  ASSERT_EQ(repeated.version(), last_version_);
}

runtime::Task<void> RunAll(std::array<Client, 6>* clients, SqliteEngine* engine) {
  runtime::TaskGroup group;
  for (Client& client : *clients) group.Spawn(Client::Run(&client, engine));
  co_await group.Join();
}

void CheckCounters(const std::string& path) {
  auto opened = sqlite::Connection::Open({.path = path});
  ASSERT_TRUE(opened) << opened.error().ToString();
  sqlite::Connection& db = **opened;
  const auto query = [&db](std::string_view sql) { return db.QueryInt(sql).value_or(-1); };
  EXPECT_EQ(query("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'keys'"),
            query("SELECT count(*) FROM keyvalue"));
  EXPECT_EQ(
      query("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'bytes'"),
      query("SELECT coalesce(sum(length(key) + length(value) + coalesce(length(tags), 0)), 0) "
            "FROM keyvalue"));
  EXPECT_EQ(query("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'request_ids'"),
            query("SELECT count(*) FROM request_ids"));
  EXPECT_GE(query("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'last_version'"),
            query("SELECT coalesce(max(version), 0) FROM keyvalue"));
}

TEST(SqlitePowerLossStress, EveryAnsweredWriteIsThere) {
  const base::testing::TempDirectory directory;
  sqlite::testing::PowerLossVfs vfs(42);
  std::mt19937_64 random(43);
  std::array<Client, 6> clients = {Client(0, 1), Client(1, 2), Client(2, 3),
                                   Client(3, 4), Client(4, 5), Client(5, 6)};
  std::uint64_t lost = 0;
  const std::int64_t rounds = base::Rounds(100, 5000);
  for (std::int64_t round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    {
      SqliteEngine engine({.data_dir = directory.path(), .vfs = vfs.name()});
      ASSERT_TRUE(engine.started()) << engine.started().error().ToString();
      vfs.LosePowerAfter(random() % 500);
      runtime::RunOn(engine.shard(), [&] { return RunAll(&clients, &engine); });
      vfs.LosePower();
    }
    lost += vfs.RestorePower();
    {
      SqliteEngine engine({.data_dir = directory.path(), .vfs = vfs.name()});
      ASSERT_TRUE(engine.started()) << engine.started().error().ToString();
      for (Client& client : clients) client.Check(engine);
    }
    CheckCounters(directory.File("namespaces/test.db"));
  }
  int answered = 0;
  for (const Client& client : clients) answered += client.answered;
  EXPECT_GT(lost, 0u) << "nothing was lost, so nothing was shown";
  EXPECT_GT(answered, 10 * rounds);
  fmt::print("{} rounds, {} answered writes, {} sectors lost\n", rounds, answered, lost);
}

}  // namespace
}  // namespace prism::engine
