// One prepared SQL statement in use.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/status.h"

struct sqlite3_stmt;

namespace prism::sqlite {

class Connection;

// Made by Connection::Prepare; returns to the connection's cache when destroyed, which also ends
// its read transaction. Parameters count from 1, columns from 0. Binding never fails by itself:
// what went wrong there is reported by the next Step. Thread rule: as its connection, which must
// outlive it.
class [[nodiscard]] Statement {
 public:
  Statement(Statement&& other) noexcept
      : connection_(other.connection_),
        statement_(std::exchange(other.statement_, nullptr)),
        in_use_(other.in_use_),
        native_(other.native_) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& Int(int parameter, std::int64_t value);
  // NaN becomes NULL.
  Statement& Double(int parameter, double value);
  // The bytes must stay valid until Reset or destruction.
  Statement& Blob(int parameter, std::string_view bytes);
  Statement& Text(int parameter, std::string_view text);
  Statement& Null(int parameter);

  // True: a row is there. False: no more rows.
  Result<bool> Step();
  // Steps to the end, then resets for another round of parameters. Rows are skipped.
  Status Run();
  // Ends the run; parameters are unset.
  void Reset();

  std::int64_t IntAt(int column) const;
  // Both valid until the next Step, Run or Reset.
  std::string_view BlobAt(int column) const;
  std::string_view TextAt(int column) const;
  bool IsNullAt(int column) const;

 private:
  friend class Connection;
  // `in_use`: the flag of the cache entry, or null when the statement is not cached.
  Statement(Connection& connection, sqlite3_stmt* statement, bool* in_use)
      : connection_(&connection), statement_(statement), in_use_(in_use) {}
  void Note(int native) {
    if (native != 0 && native_ == 0) native_ = native;
  }

  Connection* connection_;
  sqlite3_stmt* statement_;
  bool* in_use_;
  int native_ = 0;
};

}  // namespace prism::sqlite
