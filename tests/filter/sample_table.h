// Records of tests as rows of a table, in the columns that a schema names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "filter/filter.h"
#include "filter/testing/memory_record.h"
#include "sqlite/connection.h"

namespace prism::filter {

// A database in memory with the table `records`, whose rows are numbered from 0. Fields without a
// column are left out.
class SampleTable {
 public:
  static Result<SampleTable> Create(const Schema& schema, const std::vector<MemoryRecord>& records);

  // The numbers of the rows that match, ascending.
  Result<std::vector<std::size_t>> Matching(const Filter& filter);

 private:
  explicit SampleTable(std::unique_ptr<sqlite::Connection> db) : db_(std::move(db)) {}
  std::unique_ptr<sqlite::Connection> db_;
};

}  // namespace prism::filter
