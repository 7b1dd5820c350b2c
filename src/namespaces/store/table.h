// Tables whose rows carry a hash over all their values, so that a changed bit is found whatever
// page it is on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/connection.h"

namespace prism::namespaces {

// The values of a row as text, in the order of the table's columns; nothing: NULL. Columns with
// INTEGER affinity keep them as numbers.
using Row = std::vector<std::optional<std::string>>;

// One table: its columns, the first of which is the primary key, and its column `hash`. Immutable.
// The hash is over all values of a row, but for NULLs at its end in columns that came when there
// were rows already: these keep their hashes.
class Table {
 public:
  enum class Hash : std::uint8_t { kChecksum, kFull };  // of sqlite::RowHash

  constexpr Table(std::string_view name, std::span<const std::string_view> columns,
                  std::string_view hash_column, Hash hash, std::size_t came_later = 0)
      : name_(name),
        columns_(columns),
        hash_column_(hash_column),
        hash_(hash),
        came_later_(came_later) {}

  std::string_view name() const { return name_; }
  // Of this column in a Row.
  std::size_t Index(std::string_view column) const;
  std::string HashOf(const Row& row) const;

  // Inserts the row, or replaces the one with the same primary key.
  Status Put(sqlite::Connection& connection, const Row& row) const;
  Status Insert(sqlite::Connection& connection, const Row& row) const;
  Status Delete(sqlite::Connection& connection, std::int64_t id) const;
  // The rows that `where` (SQL behind the table's name, "WHERE name = ?1 ORDER BY id") chooses.
  // DATA_LOSS/CONFIG_STORE_DAMAGED names the first row that is not what was written.
  Result<std::vector<Row>> Select(sqlite::Connection& connection, std::string_view where,
                                  std::span<const std::string> arguments = {}) const;
  // The same for conditions of which there is no end, such as filters: not kept compiled, and
  // `bind` sets the parameters, whose texts outlive the call.
  using Bind = std::function<void(sqlite::Statement&)>;
  Result<std::vector<Row>> SelectOnce(sqlite::Connection& connection, std::string_view where,
                                      const Bind& bind) const;
  // One more than any primary key that was ever there.
  Result<std::int64_t> NextId(sqlite::Connection& connection) const;

 private:
  Status Write(sqlite::Connection& connection, std::string_view verb, const Row& row) const;
  std::string SelectText(std::string_view where) const;
  Result<std::vector<Row>> ReadAll(sqlite::Statement& statement) const;
  Result<Row> Read(const sqlite::Statement& statement) const;

  std::string_view name_;
  std::span<const std::string_view> columns_;
  std::string_view hash_column_;
  Hash hash_;
  std::size_t came_later_;  // how many of the last columns
};

// What is not as it was written.
Error StoreDamaged(std::string what);

// A number that the store wrote; DATA_LOSS when it is none.
Result<std::int64_t> NumberIn(const std::optional<std::string>& value);

}  // namespace prism::namespaces
