// Random commands against stores side by side, compared answer by answer with the oracle.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "contract/backend.h"
#include "engine/model_store.h"
#include "tests/engine/oracle_keyvalue_store.h"

namespace prism::engine::testing {

// A store under test. Slot 0 of its session is the KeyValueStore.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::string_view name() const = 0;
  // The stores as a writer sees them; asked for again after each Checkpoint.
  virtual const Session& session() = 0;
  // Between commands, now and then: commit, or close and open again.
  virtual void Checkpoint() {}
};

enum class Method : std::uint8_t {
  kGet,
  kExists,
  kGetMeta,
  kSet,
  kDelete,
  kScan,
  kCount,
  kDeletePrefix,
  kExpire,
  kPersist,
  kCompareAndSwap,
  kCompareAndDelete,
  kIncrement,
  kTransact,
  kSweep,
  kFindRequest,
  kRememberRequest,
};
inline constexpr std::size_t kMethods = 17;
std::string_view MethodName(Method method);

// One random call with all its arguments. Versions are the oracle's numbers.
struct Command {
  Method method = Method::kGet;
  std::string key;
  std::string value;
  std::string tags;
  WallMillis expires_at = kNeverExpires;
  KeyValueExpectation::Kind expect = KeyValueExpectation::Kind::kAbsent;
  Version version = kNoVersion;
  std::int64_t delta = 0;
  bool keys_only = false;
  std::size_t page = 1;  // entries, visits or the budget of a sweep
  struct Step {
    std::string key;
    bool precondition = false;
    bool removal = false;
    Version version = kNoVersion;
  };
  std::vector<Step> steps;  // of a transaction; value, tags and expiry are those above

  std::string ToString() const;
};

// What a call answered: everything but versions as text, the versions in the order of the text,
// each with the key that it belongs to.
struct Answer {
  std::string text;
  std::vector<std::pair<std::string, Version>> versions;
};

// Not thread-safe. The same seed makes the same commands.
class RandomCommands {
 public:
  RandomCommands(std::uint64_t seed, const contract::NamespaceSettings& settings,
                 ManualClock& clock, std::vector<std::unique_ptr<Subject>> subjects);

  // Runs this many commands. The first difference, in words; empty when there was none.
  std::string Run(std::int64_t commands);
  const std::array<std::int64_t, kMethods>& counts() const { return counts_; }
  std::string CountsTable() const;
  // How often a quota refused a write.
  std::int64_t refusals() const { return refusals_; }

 private:
  struct Follower {
    std::unique_ptr<Subject> subject;
    std::vector<Version> versions;            // by the oracle's number
    std::unordered_set<std::uint64_t> given;  // hashes of key and version
  };

  Command Next();
  std::size_t Below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string RandomKey();
  std::string RandomValue();
  std::string RandomPrefix();
  Version RandomVersion(const std::string& key);
  WallMillis RandomExpiry();
  void AddSteps(Command& command);

  std::string Step(const Command& command);
  std::string Compare(const Command& command, const Answer& expected, const Answer& answer,
                      Follower& follower);
  // The subject's version for the oracle's; 0 for one that it never saw.
  static Version Translate(const Follower& follower, Version version);
  Answer Call(KeyValueStore& store, const Command& command, const Follower* follower);
  Answer CallTransact(KeyValueStore& store, const Command& command, const Follower* follower);
  Answer CallDedup(DedupStore* store, const Command& command);

  std::mt19937_64 random_;
  ManualClock& clock_;
  OracleKeyValueStore oracle_;
  struct Remembered {
    std::string response;
    WallMillis expires_at;
  };
  std::map<std::string, Remembered> oracle_requests_;
  std::vector<Follower> followers_;
  struct KnownVersions {
    Version first = kNoVersion;
    Version last = kNoVersion;
  };
  std::map<std::string, KnownVersions> last_versions_;  // of the oracle, by key
  std::array<std::int64_t, kMethods> counts_{};
  std::int64_t refusals_ = 0;
};

}  // namespace prism::engine::testing
