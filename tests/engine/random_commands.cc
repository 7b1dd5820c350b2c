#include "tests/engine/random_commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "models/digest.h"

namespace prism::engine::testing {
namespace {

struct MethodWeight {
  Method method;
  std::string_view name;
  unsigned weight;  // in percent
};
constexpr std::array<MethodWeight, kMethods> kTable = {{
    {Method::kGet, "Get", 14},
    {Method::kExists, "Exists", 4},
    {Method::kGetMeta, "GetMeta", 4},
    {Method::kSet, "Set", 22},
    {Method::kDelete, "Delete", 7},
    {Method::kScan, "Scan", 4},
    {Method::kCount, "CountPage", 2},
    {Method::kDeletePrefix, "DeletePrefixPage", 1},
    {Method::kExpire, "Expire", 5},
    {Method::kPersist, "Persist", 3},
    {Method::kCompareAndSwap, "CompareAndSwap", 9},
    {Method::kCompareAndDelete, "CompareAndDelete", 4},
    {Method::kIncrement, "Increment", 7},
    {Method::kTransact, "Transact", 7},
    {Method::kSweep, "Sweep", 2},
    {Method::kFindRequest, "Dedup.Find", 3},
    {Method::kRememberRequest, "Dedup.Remember", 2},
}};

constexpr std::int64_t kCheckpointEvery = 200;

void AddRecord(Answer& answer, const std::string& key, const KeyValueRecord& record) {
  answer.text += fmt::format("[{} = {} tags {} until {}]", key, record.value.view(),
                             record.tags.view(), record.expires_at);
  answer.versions.emplace_back(key, record.version);
}

Answer Of(bool value) { return {.text = value ? "true" : "false", .versions = {}}; }

template <class T>
Answer Failed(const Result<T>& result) {
  return {.text = fmt::format("error {}", result.error().reason()), .versions = {}};
}

Answer OfRecord(const std::string& key, const Result<std::optional<KeyValueRecord>>& found) {
  if (!found) return Failed(found);
  Answer answer = Of(found->has_value());
  if (*found) AddRecord(answer, key, **found);
  return answer;
}

Answer OfBool(const Result<bool>& value) { return value ? Of(*value) : Failed(value); }

Answer OfSwap(const std::string& key, const Result<SwapOutcome>& outcome) {
  if (!outcome) return Failed(outcome);
  Answer answer = Of(outcome->done);
  if (outcome->version != kNoVersion) answer.versions.emplace_back(key, outcome->version);
  if (outcome->current) AddRecord(answer, key, *outcome->current);
  return answer;
}

Answer OfIncrement(const std::string& key, const Result<IncrementOutcome>& outcome) {
  if (!outcome) return Failed(outcome);
  Answer answer = {.text = fmt::format("{} {}", static_cast<int>(outcome->kind), outcome->value),
                   .versions = {}};
  if (outcome->version != kNoVersion) answer.versions.emplace_back(key, outcome->version);
  return answer;
}

// Reads to the end and holds each page to what was asked.
Answer ScanAll(KeyValueStore& store, const Command& command, WallMillis now) {
  Answer answer;
  std::string after;
  const std::size_t max_bytes = command.page * 40;
  for (bool end = false; !end;) {
    const auto page = store.Scan({.prefix = command.key,
                                  .after = after,
                                  .max_entries = command.page,
                                  .max_bytes = max_bytes,
                                  .keys_only = command.keys_only},
                                 now);
    if (!page) return Failed(page);
    std::size_t bytes = 0;
    for (const ScannedEntry& entry : page->entries) {
      if (entry.key <= after) answer.text += " OUT OF ORDER ";
      after = entry.key;
      bytes += entry.key.size() + entry.record.value.size() + entry.record.tags.size();
      AddRecord(answer, entry.key, entry.record);
    }
    if (page->entries.size() > 1 && bytes > max_bytes) answer.text += " PAGE TOO LARGE ";
    if (page->entries.size() > command.page) answer.text += " PAGE TOO LONG ";
    end = page->end;
    if (!end && page->resume < after) answer.text += " RESUMES TOO EARLY ";
    if (!end) after = page->resume;
  }
  return answer;
}

// The oracle answers all at once and has no pages to hold to anything.
Answer ScanOracle(KeyValueStore& store, const Command& command, WallMillis now) {
  Answer answer;
  const auto page = store.Scan({.prefix = command.key, .keys_only = command.keys_only}, now);
  for (const ScannedEntry& entry : page->entries) AddRecord(answer, entry.key, entry.record);
  return answer;
}

using PageCall = Result<PrefixProgress> (KeyValueStore::*)(std::string_view, std::string_view,
                                                           std::size_t, WallMillis);
Answer WalkAll(KeyValueStore& store, PageCall call, const Command& command, WallMillis now) {
  std::uint64_t keys = 0;
  std::string cursor;
  for (bool end = false; !end;) {
    const auto progress = (store.*call)(command.key, cursor, command.page, now);
    if (!progress) return Failed(progress);
    keys += progress->keys;
    cursor = progress->cursor;
    end = progress->end;
  }
  return {.text = std::to_string(keys), .versions = {}};
}

}  // namespace

std::string_view MethodName(Method method) { return kTable[static_cast<std::size_t>(method)].name; }

std::string Command::ToString() const {
  std::string text = fmt::format(
      "{}(key '{}', value '{}', tags '{}', expires_at {}, expect {}, version {}, delta {}, page "
      "{}, keys_only {}",
      MethodName(method), key, value.substr(0, 60), tags, expires_at, static_cast<int>(expect),
      version, delta, page, keys_only);
  for (const Step& step : steps) {
    text += fmt::format("; {} '{}' {}",
                        step.precondition ? "if"
                        : step.removal    ? "delete"
                                          : "set",
                        step.key, step.version);
  }
  return text + ")";
}

RandomCommands::RandomCommands(std::uint64_t seed, const contract::NamespaceSettings& settings,
                               ManualClock& clock, std::vector<std::unique_ptr<Subject>> subjects)
    : random_(seed), clock_(clock), oracle_(settings) {
  for (auto& subject : subjects) {
    followers_.push_back({.subject = std::move(subject), .versions = {}, .given = {}});
  }
}

// Few keys, so that commands meet; with common prefixes, odd characters, and some that are long.
std::string RandomCommands::RandomKey() {
  static constexpr std::array<std::string_view, 8> kParts = {"a",    "b",        "/", "%",
                                                             "\x01", "\xC3\xA9", "0", "z"};
  std::string key;
  for (std::size_t parts = 1 + Below(3); parts > 0; --parts) key += kParts[Below(kParts.size())];
  if (Below(20) == 0) key += std::string(200 + Below(2), 'x');
  return key;
}

std::string RandomCommands::RandomPrefix() {
  const std::string key = RandomKey();
  return Below(4) == 0 ? "" : key.substr(0, Below(6) == 0 ? key.size() : 1);
}

std::string RandomCommands::RandomValue() {
  switch (Below(10)) {
    case 0:
      return "";
    case 1:
      return std::to_string(static_cast<std::int64_t>(random_()));
    case 2:
      return Below(2) == 0 ? "9223372036854775807" : "-9223372036854775808";
    case 3:
      return std::string(100 + Below(900), 'v');
    case 4:
      return std::string("\0\xFF binary", 9);
    default:
      return std::to_string(Below(4));  // so that expected values are met
  }
}

WallMillis RandomCommands::RandomExpiry() {
  switch (Below(4)) {
    case 0:
      return clock_.Now() + 1 + static_cast<WallMillis>(Below(60));
    case 1:
      return clock_.Now() + 100'000;
    default:
      return kNeverExpires;
  }
}

// Mostly the one that the key has, sometimes one that it had long ago, or none. Never another
// key's: versions of two keys may be equal.
Version RandomCommands::RandomVersion(const std::string& key) {
  const auto at = last_versions_.find(key);
  if (at == last_versions_.end() || Below(20) == 0) return kNoVersion;
  return Below(4) == 0 ? at->second.first : at->second.last;
}

void RandomCommands::AddSteps(Command& command) {
  std::vector<std::string> keys;
  for (std::size_t i = Below(6); i > 0; --i) keys.push_back(RandomKey());
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  for (const std::string& key : keys) {
    if (Below(2) == 0) {
      const auto current = oracle_.GetMeta(key, clock_.Now());
      const Version right = *current ? (**current).version : kNoVersion;
      command.steps.push_back({.key = key,
                               .precondition = true,
                               .version = Below(8) == 0 ? RandomVersion(key) : right});
    }
    if (Below(3) != 0) command.steps.push_back({.key = key, .removal = Below(3) == 0});
  }
}

Command RandomCommands::Next() {
  Command command;
  std::size_t dice = Below(100);
  for (const MethodWeight& row : kTable) {
    command.method = row.method;
    if (dice < row.weight) break;
    dice -= row.weight;
  }
  const bool prefix = command.method == Method::kScan || command.method == Method::kCount ||
                      command.method == Method::kDeletePrefix;
  command.key = prefix ? RandomPrefix() : RandomKey();
  command.value = RandomValue();
  command.tags = Below(3) == 0 ? "tag" + std::to_string(Below(3)) : "";
  command.expires_at = RandomExpiry();
  command.expect = static_cast<KeyValueExpectation::Kind>(Below(3));
  command.version = RandomVersion(command.key);
  command.delta = Below(5) == 0 ? static_cast<std::int64_t>(random_())
                                : static_cast<std::int64_t>(Below(7)) - 3;
  command.keys_only = Below(2) == 0;
  command.page = 1 + Below(30);
  if (command.method == Method::kExpire && command.expires_at == kNeverExpires) {
    command.expires_at = clock_.Now() + 1 + static_cast<WallMillis>(Below(40));
  }
  if (command.method == Method::kTransact) AddSteps(command);
  return command;
}

Version RandomCommands::Translate(const Follower& follower, Version version) {
  return version < follower.versions.size() ? follower.versions[version] : kNoVersion;
}

Answer RandomCommands::Call(KeyValueStore& store, const Command& c, const Follower* follower) {
  const WallMillis now = clock_.Now();
  const auto version = [&](Version v) { return follower == nullptr ? v : Translate(*follower, v); };
  const KeyValueWrite write = {.value = c.value, .tags = c.tags, .expires_at = c.expires_at};
  const KeyValueExpectation expect = {
      .kind = c.expect, .value = c.value, .version = version(c.version)};
  switch (c.method) {
    case Method::kGet:
      return OfRecord(c.key, store.Get(c.key, now));
    case Method::kExists:
      return OfBool(store.Exists(c.key, now));
    case Method::kGetMeta:
      return OfRecord(c.key, store.GetMeta(c.key, now));
    case Method::kSet: {
      const auto set = store.Set(c.key, write, now);
      return set ? Answer{.text = "set", .versions = {{c.key, *set}}} : Failed(set);
    }
    case Method::kDelete:
      return OfBool(store.Delete(c.key, now));
    case Method::kScan:
      return follower == nullptr ? ScanOracle(store, c, now) : ScanAll(store, c, now);
    case Method::kCount:
      return WalkAll(store, &KeyValueStore::CountPage, c, now);
    case Method::kDeletePrefix:
      return WalkAll(store, &KeyValueStore::DeletePrefixPage, c, now);
    case Method::kExpire:
      return OfBool(store.Expire(c.key, c.expires_at, now));
    case Method::kPersist:
      return OfBool(store.Persist(c.key, now));
    case Method::kCompareAndSwap:
      return OfSwap(c.key, store.CompareAndSwap(c.key, expect, write, now));
    case Method::kCompareAndDelete:
      return OfSwap(c.key, store.CompareAndDelete(c.key, expect, now));
    case Method::kIncrement:
      return OfIncrement(c.key, store.Increment(c.key, c.delta, now));
    case Method::kTransact:
      return CallTransact(store, c, follower);
    case Method::kSweep: {
      const auto swept = store.Sweep(now, c.page);
      return swept ? Answer{.text = "swept", .versions = {}} : Failed(swept);
    }
    case Method::kFindRequest:
    case Method::kRememberRequest:
      break;
  }
  return {};
}

Answer RandomCommands::CallTransact(KeyValueStore& store, const Command& command,
                                    const Follower* follower) {
  std::vector<TransactPrecondition> preconditions;
  std::vector<TransactOperation> operations;
  for (const Command::Step& step : command.steps) {
    if (step.precondition) {
      const Version version =
          follower == nullptr ? step.version : Translate(*follower, step.version);
      preconditions.push_back({.key = step.key, .version = version});
    } else if (step.removal) {
      operations.push_back({.kind = TransactOperation::Kind::kDelete, .key = step.key});
    } else {
      operations.push_back(
          {.key = step.key,
           .write = {
               .value = command.value, .tags = command.tags, .expires_at = command.expires_at}});
    }
  }
  const auto outcome = store.Transact(preconditions, operations, clock_.Now());
  if (!outcome) return Failed(outcome);
  if (!outcome->committed)
    return {.text = fmt::format("conflict {}", outcome->conflict), .versions = {}};
  Answer answer = {.text = fmt::format("committed {}", outcome->versions.size()), .versions = {}};
  for (std::size_t i = 0; i < outcome->versions.size(); ++i) {
    if (outcome->versions[i] == kNoVersion) {
      answer.text += " removed";
    } else {
      answer.versions.emplace_back(operations[i].key, outcome->versions[i]);
    }
  }
  return answer;
}

// A null store is the oracle's map.
Answer RandomCommands::CallDedup(DedupStore* store, const Command& command) {
  const WallMillis now = clock_.Now();
  const std::array<std::string_view, 1> parts = {command.key};
  const models::Digest id = models::DigestOf(parts);
  const bool remember = command.method == Method::kRememberRequest;
  const WallMillis expires_at = now + 1 + command.delta % 100 + 100;
  if (store == nullptr) {
    const auto at = oracle_requests_.find(command.key);
    const bool found = at != oracle_requests_.end() && at->second.expires_at > now;
    const Answer answer = {.text = found ? "found " + at->second.response : "free", .versions = {}};
    if (remember)
      oracle_requests_[command.key] = {.response = command.value, .expires_at = expires_at};
    return answer;
  }
  const DedupStore::Section section(*store, id);
  const auto found = store->Find(id, now);
  if (!found) return Failed(found);
  Answer answer = {.text = "free", .versions = {}};
  if (*found) answer.text = fmt::format("found {}", (**found).response.view());
  if (*found && (**found).payload != id) answer.text += " with another payload";
  if (remember) {
    const Status kept = store->Remember(id, id, command.value, expires_at);
    if (!kept) answer.text += " " + kept.error().ToString();
  }
  return answer;
}

std::string RandomCommands::Compare(const Command& command, const Answer& expected,
                                    const Answer& answer, Follower& follower) {
  const auto report = [&](std::string_view what) {
    return fmt::format("{} differs after {} ({}):\n  expected {} {}\n  answered {} {}",
                       follower.subject->name(), command.ToString(), what, expected.text,
                       expected.versions, answer.text, answer.versions);
  };
  if (expected.text != answer.text) return report("answer");
  if (expected.versions.size() != answer.versions.size()) return report("number of versions");
  for (std::size_t i = 0; i < expected.versions.size(); ++i) {
    const auto& [key, version] = expected.versions[i];
    if (answer.versions[i].first != key) return report("keys");
    if (version >= follower.versions.size()) follower.versions.resize(version + 1);
    Version& known = follower.versions[version];
    if (known != kNoVersion) {
      if (answer.versions[i].second != known) return report("version");
      continue;
    }
    known = answer.versions[i].second;
    const std::uint64_t seen = std::hash<std::string>()(key) * 0x9E3779B97F4A7C15 + known;
    if (known == kNoVersion || !follower.given.insert(seen).second)
      return report("version came back");
  }
  return {};
}

std::string RandomCommands::Step(const Command& command) {
  const bool dedup =
      command.method == Method::kFindRequest || command.method == Method::kRememberRequest;
  const Answer expected = dedup ? CallDedup(nullptr, command) : Call(oracle_, command, nullptr);
  if (expected.text.starts_with("error QUOTA_EXCEEDED")) ++refusals_;
  for (Follower& follower : followers_) {
    const Session& session = follower.subject->session();
    const Answer answer = dedup ? CallDedup(&session.dedup(), command)
                                : Call(session.model<KeyValueStore>(0), command, &follower);
    std::string difference = Compare(command, expected, answer, follower);
    if (!difference.empty()) return difference;
  }
  for (const auto& [key, version] : expected.versions) {
    KnownVersions& known = last_versions_[key];
    if (known.first == kNoVersion) known.first = version;
    known.last = version;
  }
  return {};
}

std::string RandomCommands::Run(std::int64_t commands) {
  for (std::int64_t i = 1; i <= commands; ++i) {
    const Command command = Next();
    ++counts_[static_cast<std::size_t>(command.method)];
    std::string difference = Step(command);
    if (!difference.empty()) return fmt::format("command {}: {}", i, difference);
    if (Below(10) == 0) clock_.Advance(static_cast<WallMillis>(Below(20)));
    if (i % kCheckpointEvery == 0 || i == commands) {
      for (Follower& follower : followers_) follower.subject->Checkpoint();
    }
  }
  Command everything;
  everything.method = Method::kScan;
  everything.page = 10;
  return Step(everything);
}

std::string RandomCommands::CountsTable() const {
  std::string table;
  for (const MethodWeight& row : kTable) {
    table +=
        fmt::format("{:<18} {:>10}\n", row.name, counts_[static_cast<std::size_t>(row.method)]);
  }
  return table;
}

}  // namespace prism::engine::testing
