#include "namespaces/store/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "sqlite/row_hash.h"

namespace prism::namespaces {

Error StoreDamaged(std::string what) {
  return {Code::kDataLoss, "CONFIG_STORE_DAMAGED",
          fmt::format("the configuration store is not as it was written: {}", what)};
}

Result<std::int64_t> NumberIn(const std::optional<std::string>& value) {
  std::int64_t number = 0;
  if (value) {
    const char* end = value->data() + value->size();
    const auto [stop, failure] = std::from_chars(value->data(), end, number);
    if (failure == std::errc() && stop == end) return number;
  }
  return std::unexpected(StoreDamaged("a number is missing"));
}

std::size_t Table::Index(std::string_view column) const {
  const auto it = std::ranges::find(columns_, column);
  PRISM_CHECK(it != columns_.end(), "name a column of the table");
  return static_cast<std::size_t>(it - columns_.begin());
}

std::string Table::HashOf(const Row& row) const {
  sqlite::RowHash hash;
  hash.Text(name_);
  std::size_t counted = row.size();
  while (counted > columns_.size() - came_later_ && !row[counted - 1]) --counted;
  for (const auto& value : std::span(row).first(counted)) {
    value ? hash.Text(*value) : hash.Null();
  }
  return hash_ == Hash::kFull ? hash.Hex() : hash.Checksum();
}

Status Table::Put(sqlite::Connection& connection, const Row& row) const {
  return Write(connection, "INSERT OR REPLACE", row);
}

Status Table::Insert(sqlite::Connection& connection, const Row& row) const {
  return Write(connection, "INSERT", row);
}

Status Table::Write(sqlite::Connection& connection, std::string_view verb, const Row& row) const {
  PRISM_CHECK(row.size() == columns_.size(), "give every column a value");
  std::string places;
  for (std::size_t i = 0; i <= columns_.size(); ++i) places += i == 0 ? "?" : ", ?";
  TRY_ASSIGN(sqlite::Statement statement,
             connection.Prepare(fmt::format("{} INTO {}({}, {}) VALUES({})", verb, name_,
                                            fmt::join(columns_, ", "), hash_column_, places)));
  int parameter = 0;
  for (const auto& value : row) {
    ++parameter;
    value ? statement.Text(parameter, *value) : statement.Null(parameter);
  }
  const std::string hash = HashOf(row);
  return statement.Text(parameter + 1, hash).Run();
}

Status Table::Delete(sqlite::Connection& connection, std::int64_t id) const {
  TRY_ASSIGN(
      sqlite::Statement statement,
      connection.Prepare(fmt::format("DELETE FROM {} WHERE {} = ?1", name_, columns_.front())));
  return statement.Int(1, id).Run();
}

std::string Table::SelectText(std::string_view where) const {
  return fmt::format("SELECT {}, {} FROM {} {}", fmt::join(columns_, ", "), hash_column_, name_,
                     where);
}

Result<std::vector<Row>> Table::Select(sqlite::Connection& connection, std::string_view where,
                                       std::span<const std::string> arguments) const {
  TRY_ASSIGN(sqlite::Statement statement, connection.Prepare(SelectText(where)));
  int parameter = 0;
  for (const std::string& argument : arguments) statement.Text(++parameter, argument);
  return ReadAll(statement);
}

Result<std::vector<Row>> Table::SelectOnce(sqlite::Connection& connection, std::string_view where,
                                           const Bind& bind) const {
  TRY_ASSIGN(sqlite::Statement statement, connection.PrepareOnce(SelectText(where)));
  bind(statement);
  return ReadAll(statement);
}

Result<std::vector<Row>> Table::ReadAll(sqlite::Statement& statement) const {
  std::vector<Row> rows;
  for (;;) {
    TRY_ASSIGN(const bool more, statement.Step());
    if (!more) return rows;
    TRY_ASSIGN(Row row, Read(statement));
    rows.push_back(std::move(row));
  }
}

Result<Row> Table::Read(const sqlite::Statement& statement) const {
  Row row;
  row.reserve(columns_.size());
  const int columns = static_cast<int>(columns_.size());
  for (int i = 0; i < columns; ++i) {
    if (statement.IsNullAt(i)) {
      row.emplace_back();
    } else {
      row.emplace_back(statement.TextAt(i));
    }
  }
  if (statement.TextAt(columns) == HashOf(row)) return row;
  return std::unexpected(StoreDamaged(fmt::format("row {} of the table {} does not fit its {}",
                                                  row.front().value_or("?"), name_, hash_column_)));
}

Result<std::int64_t> Table::NextId(sqlite::Connection& connection) const {
  TRY_ASSIGN(sqlite::Statement statement,
             connection.Prepare("SELECT seq FROM sqlite_sequence WHERE name = ?1"));
  statement.Text(1, name_);
  TRY_ASSIGN(const bool used, statement.Step());
  return used ? statement.IntAt(0) + 1 : 1;
}

}  // namespace prism::namespaces
