// A filter as a condition of SQLite.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "filter/filter.h"

namespace prism::filter {

// Bound with the type BLOB: text whose bytes are searched.
struct Bytes {
  std::string bytes;
};
using SqlValue = std::variant<std::int64_t, double, std::string, Bytes>;

// Goes into a WHERE clause as it is. Its text is made of columns of the schema and of operators:
// whatever the client wrote is in `parameters`.
struct SqlCondition {
  std::string text;                       // "1" for the empty filter
  std::vector<SqlValue> parameters = {};  // of ?first, ?first+1, ...
};

// True for exactly the rows of which Filter::Matches holds (rows as `Field` describes them).
// Conditions outside of negations may be NULL where the evaluator says false, which WHERE takes
// alike, so that indexes serve them. Lists and maps are read with json_each; a column that holds no
// JSON fails the statement. FAILED_PRECONDITION with kFieldNotStored when a field has no column.
Result<SqlCondition> ToSql(const Filter& filter, int first_parameter = 1);

// Binds all parameters to a sqlite::Statement, which sees the condition's memory until it is reset.
template <class Statement>
void BindParameters(const SqlCondition& condition, int first_parameter, Statement& statement) {
  int parameter = first_parameter;
  for (const SqlValue& value : condition.parameters) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      statement.Int(parameter, *whole);
    } else if (const auto* real = std::get_if<double>(&value)) {
      statement.Double(parameter, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      statement.Text(parameter, *text);
    } else {
      statement.Blob(parameter, std::get<Bytes>(value).bytes);
    }
    ++parameter;
  }
}

}  // namespace prism::filter
