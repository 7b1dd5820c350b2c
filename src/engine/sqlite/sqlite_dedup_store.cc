#include "engine/sqlite/sqlite_dedup_store.h"

#include <array>
#include <cstring>

#include "models/errors.h"

namespace prism::engine {
namespace {

// What a full store sweeps to make room.
constexpr std::size_t kSweepWhenFull = 1000;

// Both halves with the most significant byte first: the same file on every machine.
struct DigestBytes {
  explicit DigestBytes(const models::Digest& digest) {
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<char>(digest.high >> (56 - 8 * i));
      bytes[8 + i] = static_cast<char>(digest.low >> (56 - 8 * i));
    }
  }
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::array<char, 16> bytes;
};

models::Digest ReadDigest(std::string_view bytes) {
  models::Digest digest;
  if (bytes.size() != 16) return digest;
  for (std::size_t i = 0; i < 8; ++i) {
    digest.high = digest.high << 8 | static_cast<unsigned char>(bytes[i]);
    digest.low = digest.low << 8 | static_cast<unsigned char>(bytes[8 + i]);
  }
  return digest;
}

}  // namespace

Result<std::optional<RememberedAnswer>> SqliteDedupStore::Find(const models::Digest& id,
                                                               WallMillis now) {
  {
    TRY_ASSIGN(sqlite::Statement get,
               space_.db().Prepare("SELECT payload, response FROM request_ids "
                                   "WHERE id = ?1 AND expires_at > ?2"));
    const DigestBytes key(id);
    TRY_ASSIGN(const bool found, get.Blob(1, key.view()).Int(2, now).Step());
    if (found) {
      return RememberedAnswer{.payload = ReadDigest(get.BlobAt(0)),
                              .response = base::Buffer::Copy(get.BlobAt(1))};
    }
  }
  const std::uint64_t limit = space_.limits().dedup_max_entries();
  const auto full = [&] {
    return space_.counters().request_ids >= static_cast<std::int64_t>(limit);
  };
  if (full()) TRY(Sweep(now, kSweepWhenFull));
  if (full()) return std::unexpected(models::DedupFullError(limit));
  return std::nullopt;
}

Status SqliteDedupStore::Remember(const models::Digest& id, const models::Digest& payload,
                                  std::string_view response, WallMillis expires_at) {
  const DigestBytes key(id);
  const DigestBytes payload_bytes(payload);
  TRY_ASSIGN(sqlite::Statement find,
             space_.db().Prepare("SELECT 1 FROM request_ids WHERE id = ?1"));
  TRY_ASSIGN(const bool found, find.Blob(1, key.view()).Step());
  TRY_ASSIGN(
      sqlite::Statement put,
      space_.db().Prepare(
          found
              ? "UPDATE request_ids SET payload = ?2, expires_at = ?3, response = ?4 WHERE id = ?1"
              : "INSERT INTO request_ids(id, payload, expires_at, response) "
                "VALUES(?1, ?2, ?3, ?4)"));
  TRY(put.Blob(1, key.view())
          .Blob(2, payload_bytes.view())
          .Int(3, expires_at)
          .Blob(4, response)
          .Run());
  if (!found) ++space_.counters().request_ids;
  return {};
}

Result<bool> SqliteDedupStore::Sweep(WallMillis now, std::size_t budget) {
  std::int64_t removed = 0;
  {
    TRY_ASSIGN(
        sqlite::Statement sweep,
        space_.db().Prepare("DELETE FROM request_ids WHERE id IN (SELECT id FROM request_ids "
                            "WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)"));
    TRY(sweep.Int(1, now).Int(2, static_cast<std::int64_t>(budget)).Run());
    TRY_ASSIGN(removed, space_.db().QueryInt("SELECT changes()"));
  }
  space_.counters().request_ids -= removed;
  return static_cast<std::size_t>(removed) == budget;
}

}  // namespace prism::engine
