#include "tests/filter/sample_table.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "filter/sql.h"

namespace prism::filter {
namespace {

std::string_view SqlType(Type type) {
  switch (type) {
    case Type::kInt64:
    case Type::kBool:
    case Type::kTimestamp:
    case Type::kDuration:
      return "INTEGER";
    case Type::kDouble:
      return "REAL";
    default:
      // A collation of its own, which filters must not heed.
      return "TEXT COLLATE NOCASE";
  }
}

std::int64_t InUnit(const Instant& time, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return time.seconds;
    case TimeUnit::kMillis:
      return time.seconds * 1'000 + time.nanos / 1'000'000;
    case TimeUnit::kMicros:
      return time.seconds * 1'000'000 + time.nanos / 1'000;
    case TimeUnit::kNanos:
      // From the second nearer to 1970: the first one that fits does not begin in the range.
      if (time.seconds < 0)
        return (time.seconds + 1) * 1'000'000'000 + (time.nanos - 1'000'000'000);
      return time.seconds * 1'000'000'000 + time.nanos;
  }
  std::unreachable();
}

// Owns the text that a statement looks at until it has run.
class RowBinder {
 public:
  RowBinder(const Schema& schema, sqlite::Statement& row) : schema_(schema), row_(row) {}

  void Bind(int parameter, std::size_t field, const Cell& cell) {
    std::visit([&](const auto& value) { BindCell(parameter, field, value); }, cell);
  }

 private:
  void BindCell(int parameter, std::size_t, std::monostate) { row_.Null(parameter); }
  void BindCell(int parameter, std::size_t, const std::string& text) { row_.Text(parameter, text); }
  void BindCell(int parameter, std::size_t, std::int64_t value) { row_.Int(parameter, value); }
  void BindCell(int parameter, std::size_t, double value) { row_.Double(parameter, value); }
  void BindCell(int parameter, std::size_t, bool value) { row_.Int(parameter, value ? 1 : 0); }
  void BindCell(int parameter, std::size_t field, const Instant& time) {
    row_.Int(parameter, InUnit(time, schema_.at(field).unit));
  }
  template <class Collection>  // a list or a map
  void BindCell(int parameter, std::size_t, const Collection& collection) {
    texts_.push_back(std::make_unique<std::string>(nlohmann::json(collection).dump()));
    row_.Text(parameter, *texts_.back());
  }

  const Schema& schema_;
  sqlite::Statement& row_;
  std::vector<std::unique_ptr<std::string>> texts_;
};

std::string CreateStatement(const Schema& schema) {
  std::string sql = "CREATE TABLE records(id INTEGER PRIMARY KEY";
  for (const Field& field : schema.fields()) {
    if (!field.column.empty()) sql += fmt::format(", {} {}", field.column, SqlType(field.type));
  }
  return sql + ")";
}

std::string InsertStatement(const Schema& schema) {
  std::string columns = "id";
  std::string values = "?1";
  int parameter = 2;
  for (const Field& field : schema.fields()) {
    if (field.column.empty()) continue;
    columns += ", " + field.column;
    values += fmt::format(", ?{}", parameter++);
  }
  return fmt::format("INSERT INTO records({}) VALUES({})", columns, values);
}

Status Insert(sqlite::Connection& db, const Schema& schema, std::size_t id,
              const MemoryRecord& record) {
  TRY_ASSIGN(sqlite::Statement row, db.Prepare(InsertStatement(schema)));
  row.Int(1, static_cast<std::int64_t>(id));
  RowBinder binder(schema, row);
  int parameter = 2;
  for (std::size_t i = 0; i < schema.fields().size(); ++i) {
    if (!schema.at(i).column.empty()) binder.Bind(parameter++, i, record.cells()[i]);
  }
  return row.Run();
}

}  // namespace

Result<SampleTable> SampleTable::Create(const Schema& schema,
                                        const std::vector<MemoryRecord>& records) {
  TRY_ASSIGN(auto db, sqlite::Connection::OpenMemory());
  TRY(db->Execute(CreateStatement(schema)));
  for (std::size_t i = 0; i < records.size(); ++i) TRY(Insert(*db, schema, i, records[i]));
  return SampleTable(std::move(db));
}

Result<std::vector<std::size_t>> SampleTable::Matching(const Filter& filter) {
  constexpr int kFirst = 2;  // as in a statement that has parameters of its own
  TRY_ASSIGN(const SqlCondition condition, ToSql(filter, kFirst));
  const std::string sql =
      fmt::format("SELECT id FROM records WHERE id >= ?1 AND ({}) ORDER BY id", condition.text);
  TRY_ASSIGN(sqlite::Statement rows, db_->PrepareOnce(sql));
  rows.Int(1, 0);
  BindParameters(condition, kFirst, rows);
  std::vector<std::size_t> found;
  while (true) {
    TRY_ASSIGN(const bool row, rows.Step());
    if (!row) return found;
    found.push_back(static_cast<std::size_t>(rows.IntAt(0)));
  }
}

}  // namespace prism::filter
