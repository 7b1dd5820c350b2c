#include "branching/doctor/recorded_volumes.h"

namespace prism::branching {

Result<std::vector<RecordedVolume>> ReadRecordedVolumes(sqlite::Connection& journal) {
  // The kinds are the values of VolumeKind.
  TRY_ASSIGN(sqlite::Statement select,
             journal.Prepare(
                 "SELECT id, 0, id, state != 'there', 0 FROM generations UNION ALL "
                 "SELECT volume, 1, name, state != 'there', deleted_at IS NOT NULL FROM branches "
                 "UNION ALL "
                 "SELECT s.id, 2, b.name || '/' || s.name, s.state != 'there', 0 "
                 "FROM snapshots s JOIN branches b ON b.id = s.branch UNION ALL "
                 "SELECT volume, 3, volume, 1, 0 FROM spares UNION ALL "
                 "SELECT next_volume, 4, name, 1, 0 FROM branches WHERE next_volume IS NOT NULL "
                 "ORDER BY 2, 3"));
  std::vector<RecordedVolume> volumes;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) return volumes;
    volumes.push_back({.id = std::string(select.TextAt(0)),
                       .kind = static_cast<VolumeKind>(select.IntAt(1)),
                       .name = std::string(select.TextAt(2)),
                       .unfinished = select.IntAt(3) != 0,
                       .deleted = select.IntAt(4) != 0});
  }
}

}  // namespace prism::branching
