// The file of a namespace as somebody else may have left it: rows of any type and content in each
// of its tables. Whatever they hold, the engine opens the file or says why not, and every call on
// it ends with an outcome that agrees with the others.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "engine/apply_once.h"
#include "engine/keyvalue/record_text.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/sqlite/sqlite_keyvalue_store.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "sqlite/backup.h"
#include "sqlite/migrations.h"

namespace {

using namespace prism::engine;  // NOLINT(google-build-using-namespace): everything here is of it
using prism::Result;
using prism::Status;

constexpr prism::WallMillis kNow = 1'795'000'000'000;
constexpr std::size_t kMaxRows = 64;

void Require(bool holds) {
  if (!holds) std::abort();
}

// What failed says why, so that the caller can stop there.
template <class R>
bool Works(const R& result) {
  if (!result) Require(!result.error().reason().empty() && !result.error().message().empty());
  return result.has_value();
}

// The input, taken from the front; zeros when it has ended.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return left_.empty(); }
  unsigned Byte() { return static_cast<unsigned char>(Take(1).empty() ? 0 : last_[0]); }
  std::string_view Bytes() { return Take(Byte()); }
  std::int64_t Number() {
    std::uint64_t number = 0;
    for (const char c : Take(8)) number = number << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(number);
  }

 private:
  std::string_view Take(std::size_t size) {
    last_ = left_.substr(0, size);
    left_.remove_prefix(last_.size());
    return last_;
  }
  std::string_view left_;
  std::string_view last_;
};

// Keys and request ids that were put in, as bytes.
struct Names {
  std::set<std::string, std::less<>> keys;
  std::set<std::string, std::less<>> ids;
};

// A value of any type; numbers as text become numbers where the column wants them.
std::string_view BindAny(prism::sqlite::Statement& row, int parameter, Input& input) {
  switch (input.Byte() % 4) {
    case 0:
      row.Null(parameter);
      return {};
    case 1:
      row.Int(parameter, input.Number());
      return {};
    case 2: {
      const std::string_view text = input.Bytes();
      row.Text(parameter, text);
      return text;
    }
    default: {
      const std::string_view bytes = input.Bytes();
      row.Blob(parameter, bytes);
      return bytes;
    }
  }
}

struct Table {
  std::string_view insert;
  int columns;
};
constexpr std::array<Table, 4> kTables = {{
    {.insert = "INSERT OR REPLACE INTO keyvalue(key, version, expires_at, tags, value) "
               "VALUES(?1, ?2, ?3, ?4, ?5)",
     .columns = 5},
    {.insert = "INSERT OR REPLACE INTO request_ids(id, payload, expires_at, response) "
               "VALUES(?1, ?2, ?3, ?4)",
     .columns = 4},
    {.insert = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)", .columns = 2},
    {.insert = "INSERT OR REPLACE INTO prism_schema(part, version) VALUES(?1, ?2)", .columns = 2},
}};

// What breaks a constraint stays out, as it would in any file.
Names Fill(prism::sqlite::Connection& db, Input& input) {
  Names names;
  for (std::size_t rows = 0; rows < kMaxRows && !input.empty(); ++rows) {
    const std::size_t table = input.Byte() % kTables.size();
    auto row = db.Prepare(kTables[table].insert);
    Require(row.has_value());
    const std::string name(BindAny(*row, 1, input));
    for (int column = 2; column <= kTables[table].columns; ++column) BindAny(*row, column, input);
    if (!row->Run()) continue;
    if (table == 0 && !name.empty()) names.keys.insert(name);
    if (table == 1) names.ids.insert(name);
  }
  return names;
}

// A record on its way to a client.
void CheckRecord(const KeyValueRecord& record) {
  prism::keyvalue::v1::GetResponse response;
  const Status filled = FillRecord(record, response);
  if (!filled) return Require(filled.error().code() == prism::Code::kDataLoss);
  Require(response.value() == record.value.view());
  Require(prism::models::ParseVersion(response.version()) == record.version);
}

void CheckReads(KeyValueStore& store, std::string_view key) {
  const auto got = store.Get(key, kNow);
  const auto meta = store.GetMeta(key, kNow);
  const auto exists = store.Exists(key, kNow);
  Require(Works(got) && Works(meta) && Works(exists));
  Require(got->has_value() == *exists && meta->has_value() == *exists);
  if (!*exists) return;
  Require((*got)->version == (*meta)->version && (*got)->expires_at == (*meta)->expires_at);
  CheckRecord(**got);
}

// Small pages, so that they have to go on. Each comes behind the one before.
std::size_t CheckScan(KeyValueStore& store, std::string_view prefix, bool keys_only) {
  std::size_t found = 0;
  std::string after;
  while (true) {
    const auto page = store.Scan({.prefix = prefix,
                                  .after = after,
                                  .max_entries = 1 + found % 3,
                                  .max_bytes = 300,
                                  .keys_only = keys_only},
                                 kNow);
    Require(Works(page));
    for (const ScannedEntry& entry : page->entries) {
      Require(entry.key > after && entry.key.starts_with(prefix));
      CheckRecord(entry.record);
      after = entry.key;
      ++found;
    }
    if (page->end) return found;
    Require(page->resume >= after && !page->resume.empty());
    after = page->resume;
  }
}

template <class Step>
std::uint64_t Walk(Step step) {
  std::uint64_t keys = 0;
  prism::engine::PrefixProgress progress;
  for (std::size_t pages = 0; !progress.end; ++pages) {
    Require(pages <= kMaxRows);
    auto next = step(progress.cursor);
    Require(Works(next));
    progress = *std::move(next);
    keys += progress.keys;
  }
  return keys;
}

void CheckPrefix(KeyValueStore& store, std::string_view prefix) {
  const auto count = [&] {
    return Walk([&](std::string_view cursor) { return store.CountPage(prefix, cursor, 2, kNow); });
  };
  const std::size_t found = CheckScan(store, prefix, false);
  Require(CheckScan(store, prefix, true) == found && count() == found);
  if (prefix.empty()) return;
  Require(Walk([&](std::string_view cursor) {
            return store.DeletePrefixPage(prefix, cursor, 2, kNow);
          }) == found);
  Require(count() == 0);
}

void CheckWrites(KeyValueStore& store, const std::string& key) {
  using Kind = KeyValueExpectation::Kind;
  static_cast<void>(Works(store.Persist(key, kNow)));
  static_cast<void>(Works(store.Increment(key, 1, kNow)));
  const auto before = store.Get(key, kNow);
  Require(Works(before));
  KeyValueExpectation same = {.kind = *before ? Kind::kVersion : Kind::kAbsent,
                              .version = *before ? (*before)->version : kNoVersion};
  const auto swapped = store.CompareAndSwap(key, same, {.value = "swapped"}, kNow);
  // Only a quota refuses here.
  if (!Works(swapped)) return;
  Require(swapped->done);
  const std::array<TransactPrecondition, 1> conditions = {
      {{.key = key, .version = swapped->version}}};
  const std::array<TransactOperation, 1> operations = {
      {{.key = key, .write = {.value = "committed", .tags = {}, .expires_at = kNow + 1}}}};
  const auto committed = store.Transact(conditions, operations, kNow);
  if (!Works(committed)) return;
  Require(committed->committed);
  const auto after = store.Get(key, kNow);
  Require(Works(after) && after->has_value() && (*after)->value.view() == "committed");
  Require((*after)->version == committed->versions.front());
  const auto expired = store.Expire(key, kNow, kNow);
  Require(Works(expired) && *expired);
  Require(!*store.Exists(key, kNow));
  Require(store.Set(key, {.value = "set"}, kNow).has_value());
  const auto wrong = store.CompareAndDelete(key, {.kind = Kind::kValue, .value = "other"}, kNow);
  Require(Works(wrong) && !wrong->done);
  Require(*store.Delete(key, kNow));
}

// A remembered answer is one, or another request's, or damaged; and what is remembered is found.
void CheckRequestId(DedupStore& dedup, std::string_view bytes) {
  prism::models::WriteIdentity identity = {
      .id = {},
      .payload = {.high = 0x3030303030303030, .low = 0x3030303030303030},
      .expires_at = kNow + 1};
  for (std::size_t i = 0; i < 16 && i < bytes.size(); ++i) {
    std::uint64_t& half = i < 8 ? identity.id.high : identity.id.low;
    half = half << 8 | static_cast<unsigned char>(bytes[i]);
  }
  const auto found = FindAnswer(dedup, identity, kNow);
  if (!found && found.error().reason() == "DEDUP_FULL") return;
  if (Works(found) && *found) {
    prism::keyvalue::v1::SetResponse response;
    const Status read = prism::models::ReadAnswer((**found).view(), response);
    Require(read || read.error().reason() == "RECORD_DAMAGED");
  }
  Require(Works(dedup.Remember(identity.id, identity.payload, "answer", identity.expires_at)));
  const auto remembered = dedup.Find(identity.id, kNow);
  Require(Works(remembered) && *remembered && (*remembered)->payload == identity.payload);
  Require((*remembered)->response.view() == "answer");
}

void CheckFile(prism::sqlite::Connection& db, SqliteNamespaceKind::Writer& writer,
               const Names& names, bool by_prefix) {
  const Session& session = writer.session().session();
  auto& store = static_cast<KeyValueStore&>(*writer.session().models().front());
  for (const std::string& key : names.keys) CheckReads(store, key);
  CheckScan(store, "", false);
  for (const std::string& key : names.keys) {
    by_prefix ? CheckPrefix(store, key.substr(0, 1)) : CheckWrites(store, key);
  }
  for (const std::string& id : names.ids) CheckRequestId(session.dedup(), id);
  const auto more = writer.Housekeep();
  Require(Works(more) && !*more);
  Require(*db.QueryInt("SELECT count(*) FROM request_ids WHERE expires_at <= 1795000000000") == 0);
  Require(Works(writer.BeforeCommit()));
}

}  // namespace

// The first byte sets small quotas, or none, and what is done with the keys; rows follow.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  prism::contract::NamespaceSettings settings = {.name = "fuzz"};
  const unsigned choice = input.Byte();
  settings.max_keys = choice % 8;
  settings.max_bytes = settings.max_keys * 30;
  settings.dedup_max_entries = 4;
  const prism::models::NamespaceLimits limits(settings);
  prism::ManualClock clock(kNow);
  SqliteNamespaceKind kind(limits, clock, BuiltinSqliteModels());

  const auto db = prism::sqlite::Connection::OpenMemory();
  Require(db.has_value());
  Require(prism::sqlite::Migrate(**db, kind.Parts()).has_value());
  const Names names = Fill(**db, input);
  // From here on as when the file is opened.
  Require(Works(prism::sqlite::CheckIntegrity(**db)));
  const bool known = Works(prism::sqlite::NeedsMigration(**db, kind.Parts()));
  if (!Works(prism::sqlite::Migrate(**db, kind.Parts()))) return 0;
  const auto again = prism::sqlite::NeedsMigration(**db, kind.Parts());
  Require(known && again.has_value() && !*again);
  const auto writer = kind.MakeWriter(**db);
  Require(Works(writer) && Works((*db)->Begin()));
  CheckFile(**db, static_cast<SqliteNamespaceKind::Writer&>(**writer), names, choice >= 128);
  Require(Works((*db)->Commit()));
  return 0;
}
