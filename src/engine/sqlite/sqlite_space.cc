#include "engine/sqlite/sqlite_space.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "models/errors.h"

namespace prism::engine {
namespace {

struct Row {
  std::string_view name;
  std::int64_t SqliteCounters::* field;
};
constexpr std::array<Row, 4> kRows = {{
    {"last_version", &SqliteCounters::last_version},
    {"keys", &SqliteCounters::keys},
    {"bytes", &SqliteCounters::bytes},
    {"request_ids", &SqliteCounters::request_ids},
}};
// What a file may claim: sums with it stay far from overflow, and no real counter gets there.
constexpr std::int64_t kMaxCounter = std::int64_t{1} << 62;

}  // namespace

Status SqliteSpace::Load(WallMillis now) {
  TRY_ASSIGN(sqlite::Statement get, connection_.Prepare("SELECT value FROM meta WHERE name = ?1"));
  for (const Row& row : kRows) {
    TRY_ASSIGN(const bool found, get.Text(1, row.name).Step());
    counters_.*row.field = found ? std::clamp<std::int64_t>(get.IntAt(0), 0, kMaxCounter) : 0;
    get.Reset();
  }
  committed_ = counters_;
  counters_.last_version = std::max(counters_.last_version, now * 1000);
  return {};
}

Status SqliteSpace::Store() {
  for (const Row& row : kRows) {
    const std::int64_t value = counters_.*row.field;
    if (value == committed_.*row.field) continue;
    TRY_ASSIGN(sqlite::Statement put,
               connection_.Prepare("INSERT INTO meta(name, value) VALUES(?1, ?2) "
                                   "ON CONFLICT(name) DO UPDATE SET value = excluded.value"));
    TRY(put.Text(1, row.name).Int(2, value).Run());
  }
  return {};
}

void SqliteSpace::Forget() {
  const std::int64_t last_version = counters_.last_version;
  counters_ = committed_;
  counters_.last_version = last_version;
}

Status SqliteSpace::Reserve(std::int64_t bytes, std::int64_t keys) {
  const auto passes = [](std::int64_t used, std::int64_t delta, std::uint64_t quota) {
    return quota != 0 && delta > 0 && used + delta > static_cast<std::int64_t>(quota);
  };
  if (passes(counters_.bytes, bytes, limits_.max_bytes())) {
    return std::unexpected(models::QuotaError("max_bytes", limits_.max_bytes()));
  }
  if (passes(counters_.keys, keys, limits_.max_keys())) {
    return std::unexpected(models::QuotaError("max_keys", limits_.max_keys()));
  }
  counters_.bytes += bytes;
  counters_.keys += keys;
  return {};
}

}  // namespace prism::engine
