#include "sqlite/statement.h"

#include <sqlite3.h>

#include "sqlite/connection.h"

namespace prism::sqlite {

Statement::~Statement() {
  if (statement_ == nullptr) return;
  if (in_use_ == nullptr) {
    sqlite3_finalize(statement_);
    return;
  }
  Reset();
  *in_use_ = false;
}

Statement& Statement::Int(int parameter, std::int64_t value) {
  Note(sqlite3_bind_int64(statement_, parameter, value));
  return *this;
}

Statement& Statement::Double(int parameter, double value) {
  Note(sqlite3_bind_double(statement_, parameter, value));
  return *this;
}

Statement& Statement::Blob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, not zero bytes.
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  Note(sqlite3_bind_blob64(statement_, parameter, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::Text(int parameter, std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  Note(sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::Null(int parameter) {
  Note(sqlite3_bind_null(statement_, parameter));
  return *this;
}

Result<bool> Statement::Step() {
  if (native_ != 0) return std::unexpected(connection_->Report(native_, "bind a parameter"));
  switch (const int native = sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return std::unexpected(
          connection_->Report(native, sqlite3_stmt_readonly(statement_) != 0 ? "read" : "write"));
  }
}

Status Statement::Run() {
  while (true) {
    auto row = Step();
    if (row && *row) continue;
    Reset();
    if (!row) return std::unexpected(std::move(row).error());
    return {};
  }
}

void Statement::Reset() {
  // The result repeats the error of the last step, which has been reported.
  static_cast<void>(sqlite3_reset(statement_));
  sqlite3_clear_bindings(statement_);
  native_ = 0;
}

std::int64_t Statement::IntAt(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::BlobAt(int column) const {
  // The pointer first: it may convert, which changes the size.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

std::string_view Statement::TextAt(int column) const {
  const void* data = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

bool Statement::IsNullAt(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace prism::sqlite
