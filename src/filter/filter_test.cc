#include "filter/filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "filter/error.h"
#include "filter/sql.h"
#include "filter/testing/every_type.h"
#include "filter/testing/memory_record.h"

namespace prism::filter {
namespace {

const Schema& TestSchema() {
  static const Schema schema = EveryType();
  return schema;
}

MemoryRecord Full() {
  return MemoryRecord(
      {std::string("orders-db"), std::string("it's 100% \"hot\""),
       std::int64_t{9'007'199'254'740'993}, 0.5, true, Instant{.seconds = 1'795'248'000},
       Instant{.seconds = -2, .nanos = 500'000'000}, std::string("active"),
       StringList{"production", "eu-west"},
       StringMap{{"team", "payments"}, {"app.example.com/tier", "1"}, {"empty", ""}}});
}

MemoryRecord Defaults() {
  return MemoryRecord({std::string(), std::string(), std::int64_t{0}, 0.0, false, Instant{},
                       Instant{}, std::string("disabled"), StringList{}, StringMap{}});
}

MemoryRecord Missing() { return MemoryRecord(std::vector<Cell>(every::kFields)); }

// Which of the three records it holds for: "full defaults missing".
std::string Holds(std::string_view text) {
  const auto filter = Filter::Compile(text, TestSchema());
  if (!filter) return filter.error().ToString();
  std::string out;
  if (filter->Matches(Full())) out += "full ";
  if (filter->Matches(Defaults())) out += "defaults ";
  if (filter->Matches(Missing())) out += "missing ";
  return out.empty() ? "" : out.substr(0, out.size() - 1);
}

struct Case {
  std::string_view filter;
  std::string_view holds;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& one : cases) EXPECT_EQ(Holds(one.filter), one.holds) << one.filter;
}

constexpr std::string_view kAll = "full defaults missing";
constexpr std::string_view kNotFull = "defaults missing";

TEST(Filter, TheEmptyOneHoldsForEverything) { Check({{"", kAll}, {" \n ", kAll}}); }

TEST(Filter, Text) {
  Check({{R"(name = "orders-db")", "full"},
         {"name = orders-db", "full"},
         {"name = Orders-db", ""},
         {"name = orders", ""},
         {"name = orders*", "full"},
         {"name = *-db", "full"},
         {"name = *ers*", "full"},
         {"name = *orders-db*", "full"},
         {"name = *", "full defaults"},
         {"name:ers", "full"},
         {"name:ers*", ""},
         {R"(name = "")", "defaults"},
         {R"(name:"")", "full defaults"},
         {"name != orders-db", kNotFull},
         {"name != orders*", kNotFull},
         {"name < p", "full defaults"},
         {"name > p", ""},
         {"name >= orders-db", "full"},
         {"name <= Z", "defaults"},
         {R"(owner.note:'"hot"')", "full"},
         {R"(owner.note:"it's 100%")", "full"},
         {R"(owner.note:"_")", ""}});
}

TEST(Filter, Numbers) {
  Check({{"count = 9007199254740993", "full"},
         {"count = 9007199254740992", ""},
         {"count > 9007199254740992", "full"},
         {"count >= 1e3", "full"},
         {"count < -9223372036854775808", ""},
         {"count <= 9223372036854775807", "full defaults"},
         {"count:0", "defaults"},
         {"count != 0", "full missing"},
         {"ratio = 0.5", "full"},
         {"ratio = 5e-1", "full"},
         {"ratio > -1", "full defaults"},
         {"ratio = -0.0", "defaults"},
         {"ratio < 1.7e308", "full defaults"}});
}

TEST(Filter, TruthValuesAndNames) {
  Check({{"audited = true", "full"},
         {"audited = false", "defaults"},
         {"audited != true", kNotFull},
         {"audited:true", "full"},
         {"status = active", "full"},
         {"status != active", kNotFull},
         {"status = (active OR disabled)", "full defaults"}});
}

TEST(Filter, Times) {
  Check({{"created_at = 2026-11-21T08:00:00Z", "full"},
         {"created_at = 2026-11-21T09:30:00+01:30", "full"},
         {"created_at > 2026-11-21T07:59:59.999999999Z", "full"},
         {"created_at < 2026-11-21T08:00:00.000000001Z", "full defaults"},
         {R"(created_at < "1970-01-01T00:00:00.1Z")", "defaults"},
         {"created_at < 9999-12-31T23:59:59Z", "full defaults"},
         {"ttl = -1.5s", "full"},
         {"ttl < 0s", "full"},
         {"ttl >= -1.499999999s", "defaults"},
         {"ttl:0s", "defaults"}});
}

TEST(Filter, ListsAndMaps) {
  Check({{"tags:production", "full"},
         {"tags:prod", ""},
         {"tags:prod*", "full"},
         {"tags:(production AND eu-west)", "full"},
         {"tags:(production AND staging)", ""},
         {"-tags:production", kNotFull},
         {"labels:team", "full"},
         {"labels:te*", "full"},
         {"labels:payments", ""},
         {"labels.team = payments", "full"},
         {"labels.team:payments", "full"},
         {"labels.team:pay", ""},
         {"labels.team = pay*", "full"},
         {"labels.team != payments", kNotFull},
         {"labels.team > a", "full"},
         {"labels.none != x", kAll},
         {"labels.none < x", ""},
         {"labels.app.example.com/tier = 1", "full"},
         {R"(labels."app.example.com/tier" = 1)", "full"}});
}

TEST(Filter, Presence) {
  Check({{"name:*", "full"},
         {"count:*", "full"},
         {"ratio:*", "full"},
         {"audited:*", "full"},
         {"created_at:*", "full defaults"},
         {"ttl:*", "full defaults"},
         {"status:*", "full defaults"},
         {"tags:*", "full"},
         {"labels:*", "full"},
         {"labels.empty:*", "full"},
         {"labels.none:*", ""},
         {"NOT name:*", kNotFull}});
}

TEST(Filter, ValuesAloneAreLookedForInSearchedFields) {
  Check({{"orders", "full"},
         {"production", "full"},
         {"produc", ""},
         {"hot", ""},
         {"orders production", "full"},
         {"orders AND staging", ""},
         {"orders OR staging", "full"},
         {"-orders", kNotFull},
         {R"("*-west")", "full"}});
}

TEST(Filter, NegationsArePlain) {
  Check({{"NOT count > 5", kNotFull},
         {"NOT (count > 5 AND name:*)", kNotFull},
         {"NOT (NOT count > 5)", "full"},
         {"count > 5 OR NOT count > 5", kAll},
         {"count != (0 OR 1)", "full missing"}});
}

TEST(Filter, NanIsMissing) {
  std::vector<Cell> cells(every::kFields);
  cells[every::kRatio] = std::numeric_limits<double>::quiet_NaN();
  const MemoryRecord record(cells);
  for (const std::string_view text : {"ratio:*", "ratio = 0", "ratio < 1", "ratio >= 1"}) {
    EXPECT_FALSE(Filter::Compile(text, TestSchema())->Matches(record)) << text;
  }
  EXPECT_TRUE(Filter::Compile("ratio != 1", TestSchema())->Matches(record));
}

struct Refused {
  std::string_view filter;
  std::string_view message;
};

TEST(Filter, RefusesWhatTheSchemaDoesNotHave) {
  const std::vector<Refused> cases = {
      {"nmae = x",
       "FILTER_FIELD_UNKNOWN: filter, column 1: no field \"nmae\"; did you mean name? fields are "
       "name, owner.note, count, ratio, audited, created_at, ttl, status, tags, labels"},
      {"a AND Name = x",
       "FILTER_FIELD_UNKNOWN: filter, column 7: no field \"Name\"; did you mean name? fields are "
       "name, owner.note, count, ratio, audited, created_at, ttl, status, tags, labels"},
      {"name.first = x", "FILTER_FIELD_UNKNOWN: filter, column 1: name has no fields: it is text"},
      {"tags.0 = x",
       "FILTER_FIELD_UNKNOWN: filter, column 1: the elements of tags have no names; tags:value "
       "asks for one"},
      {"count = 1.5",
       "FILTER_TYPE_MISMATCH: filter, column 9: count is a whole number, not \"1.5\""},
      {"count = 9223372036854775808",
       "FILTER_TYPE_MISMATCH: filter, column 9: count is a whole number, not "
       "\"9223372036854775808\""},
      {"count = 1*", "FILTER_TYPE_MISMATCH: filter, column 9: count is a whole number, not \"1*\""},
      {"ratio = 1e999", "FILTER_TYPE_MISMATCH: filter, column 9: ratio is a number, not \"1e999\""},
      {"audited = yes",
       "FILTER_TYPE_MISMATCH: filter, column 11: audited is true or false, not \"yes\""},
      {"created_at > yesterday",
       "FILTER_TYPE_MISMATCH: filter, column 14: created_at is a time such as "
       "2026-11-21T08:00:00Z, not \"yesterday\""},
      {"ttl = 5m",
       "FILTER_TYPE_MISMATCH: filter, column 7: ttl is a duration in seconds such as 20s or 1.5s, "
       "not \"5m\""},
      {"status = Active",
       "FILTER_TYPE_MISMATCH: filter, column 10: status is one of active, disabled, migrating, "
       "not \"Active\""},
      {"audited > false",
       "FILTER_OPERATOR_UNSUPPORTED: filter, column 11: audited is true or false: it is compared "
       "with \"=\", \"!=\" and \":\" only"},
      {"tags = x",
       "FILTER_OPERATOR_UNSUPPORTED: filter, column 8: tags is a list: it is compared with \":\" "
       "only"},
      {"labels = x",
       "FILTER_OPERATOR_UNSUPPORTED: filter, column 10: labels is a map: it is compared with \":\" "
       "only"},
      {"name = a*b",
       "FILTER_WILDCARD_MISPLACED: filter, column 8: wildcards stand at the ends of a value only; "
       "a "
       "plain star is written \\* in quotes"},
      {"name > a*",
       "FILTER_WILDCARD_MISPLACED: filter, column 8: wildcards have no order; a plain star is "
       "written \\*"},
  };
  for (const Refused& one : cases) {
    EXPECT_EQ(Holds(one.filter), fmt::format("INVALID_ARGUMENT/{}", one.message));
  }
}

TEST(Filter, TheListOfFieldsIsForProgramsToo) {
  const auto filter = Filter::Compile("none = 1", TestSchema());
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().metadata().back().first, "known_fields");
  EXPECT_EQ(filter.error().metadata().back().second,
            "name, owner.note, count, ratio, audited, created_at, ttl, status, tags, labels");
}

TEST(Filter, AValueAloneWantsASearchedField) {
  const Schema schema({{.name = "count", .type = Type::kInt64}});
  const auto filter = Filter::Compile("orders", schema);
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().reason(), kFieldMissing);
}

TEST(Filter, FunctionsAreShortForOtherFilters) {
  Check({{"busier_than(5)", "full"}, {"NOT busier_than(5)", kNotFull}, {"busier_than(1e16)", ""}});
  const auto filter = Filter::Compile("NOT busier_than(5)", TestSchema());
  EXPECT_EQ(ToSql(*filter)->text, "(((count > ?1 AND audited = ?2)) IS NOT TRUE)");
}

TEST(Filter, CallsNameWhatIsWrongWithThem) {
  EXPECT_EQ(Holds("busier_than(5, 6)"),
            "INVALID_ARGUMENT/FILTER_ARGUMENTS_WRONG: filter, column 1: busier_than takes 1 "
            "arguments, not 2");
  EXPECT_EQ(Holds("busier_than(many)"),
            "INVALID_ARGUMENT/FILTER_TYPE_MISMATCH: filter, column 13: count is a whole number, "
            "not \"many\"");
  EXPECT_EQ(Holds("count > 5 near(1)"),
            "INVALID_ARGUMENT/FILTER_FUNCTION_UNKNOWN: filter, column 11: no function \"near\"; "
            "functions are busier_than");
  const Schema without({{.name = "count", .type = Type::kInt64}});
  EXPECT_EQ(Filter::Compile("near(1)", without).error().message(),
            "filter, column 1: no function \"near\"; functions are none");
}

TEST(FilterSql, TextOfClientsIsInParametersOnly) {
  const auto filter = Filter::Compile(
      R"((name = "x'); DROP TABLE t; --" OR NOT labels."k'":"v*") count < 5)", TestSchema());
  ASSERT_TRUE(filter);
  const auto sql = ToSql(*filter, 7);
  ASSERT_TRUE(sql);
  EXPECT_EQ(sql->text,
            "((name COLLATE BINARY = ?7 OR ((EXISTS (SELECT 1 FROM json_each(labels) AS e WHERE "
            "e.key = ?8 AND substr(CAST(e.value AS BLOB), 1, 1) = ?9)) IS NOT TRUE)) AND "
            "count < ?10)");
  ASSERT_EQ(sql->parameters.size(), 4U);
  EXPECT_EQ(std::get<std::string>(sql->parameters[0]), "x'); DROP TABLE t; --");
  EXPECT_EQ(std::get<std::string>(sql->parameters[1]), "k'");
  EXPECT_EQ(std::get<Bytes>(sql->parameters[2]).bytes, "v");
  EXPECT_EQ(std::get<std::int64_t>(sql->parameters[3]), 5);
}

TEST(FilterSql, FieldsWithoutAColumnAreNotStored) {
  const Schema schema({{.name = "load", .type = Type::kDouble}});
  const auto filter = Filter::Compile("load > 0.5", schema);
  ASSERT_TRUE(filter);
  const auto sql = ToSql(*filter);
  ASSERT_FALSE(sql);
  EXPECT_EQ(sql.error().ToString(),
            "FAILED_PRECONDITION/FILTER_FIELD_NOT_STORED: filter: load is not stored, so it can't "
            "be searched for");
}

TEST(FilterSchema, AFieldMayHaveAnotherSpelling) {
  const Schema schema(
      {{.name = "needs.latency", .also = "latency", .type = Type::kInt64, .column = "l"}});
  const auto filter = Filter::Compile("latency < 5 OR needs.latency > 7", schema);
  ASSERT_TRUE(filter) << filter.error().ToString();
  EXPECT_EQ(ToSql(*filter)->text, "(l < ?1 OR l > ?2)");
  EXPECT_EQ(Filter::Compile("latenci < 5", schema).error().message(),
            "filter, column 1: no field \"latenci\"; fields are needs.latency");
}

TEST(FilterSchemaDeathTest, MistakesInSchemasEndTheProcess) {
  EXPECT_DEATH(Schema({{.name = "a"}, {.name = "b", .also = "a"}}), "name each field once");
  EXPECT_DEATH(Schema({{.name = "a"}, {.name = "a"}}), "name each field once");
  EXPECT_DEATH(Schema({{.name = "a", .type = Type::kEnum}}), "give enums their names");
  EXPECT_DEATH(Schema({{.name = "a", .type = Type::kInt64, .searched = true}}), "search only text");
}

}  // namespace
}  // namespace prism::filter
