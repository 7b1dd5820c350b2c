#include "tests/filter/random_filters.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "base/time_text.h"
#include "filter/testing/every_type.h"

namespace prism::filter {
namespace {

constexpr std::array kTexts = {
    "",    "a",    "A",    "ab",      "aB",   "abc",    "b",
    "aab", "ä",    "Ä",    "a\u0308", "日本", "日本語", "本",
    "😀",  "a😀b", "*",    "a*b",     "**",   "\\",     "\\*",
    "\"",  "'",    "it's", "%",       "a%",   "a_b",    "_",
    "[a]", "?",    "\n",   " ",       "a ",   " a",     "1",
    "01",  "1.0",  "true", "null",    "a.b",  "AND",    "NOT",
    "-1",  "(a)",  "x:y",  "{}",      "[]",   "\uFFFD", "zzzzzzzzzzzzzzzz"};

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kTwo53 = std::int64_t{1} << 53;
constexpr std::array<std::int64_t, 16> kWholes = {
    0,          1,       -1,          2,    10,       -10,  kTwo53,   kTwo53 + 1,
    kTwo53 - 1, -kTwo53, -kTwo53 - 1, kMax, kMax - 1, kMin, kMin + 1, 1'000'000'007};

constexpr std::array<double, 18> kReals = {0.0,
                                           -0.0,
                                           1.0,
                                           -1.0,
                                           0.1,
                                           0.30000000000000004,
                                           0.3,
                                           1.5,
                                           -1.5,
                                           1e15,
                                           9007199254740992.0,
                                           9007199254740994.0,
                                           9.2e18,
                                           1e308,
                                           -1e308,
                                           5e-324,
                                           2.2250738585072014e-308,
                                           9223372036854775808.0};

// Seconds whose neighbourhood is where things go wrong.
constexpr std::array<std::int64_t, 10> kSeconds = {
    0, 1, -1, 2, 20, 1'795'000'000, 1'795'000'001, -86'400, 9'223'372'036, -9'223'372'037};
constexpr std::array<std::int64_t, 4> kFarSeconds = {9'223'372'037, -9'223'372'038, 253'402'300'799,
                                                     -62'135'596'800};
constexpr std::array<std::int32_t, 7> kNanos = {0,           1,           1'000,      1'000'000,
                                                500'000'000, 145'224'192, 999'999'999};

std::int32_t NanosPerUnit(TimeUnit unit) {
  constexpr std::array<std::int32_t, 4> kPerUnit = {1'000'000'000, 1'000'000, 1'000, 1};
  return kPerUnit[static_cast<std::size_t>(unit)];
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '*') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string DurationText(Instant time) {
  if (time.seconds < 0 && time.nanos > 0) {
    ++time.seconds;
    time.nanos -= 1'000'000'000;
  }
  std::string text;
  return base::AppendSeconds(time, text) ? text : "0s";
}

std::string TimestampText(const Instant& time) {
  std::string text;
  return base::AppendTimestamp(time, text) ? text : "1970-01-01T00:00:00Z";
}

}  // namespace

std::string RandomFilters::Text() {
  if (!OneIn(8)) return kTexts[Below(kTexts.size())];
  return std::string(kTexts[Below(kTexts.size())]) + kTexts[Below(kTexts.size())];
}

std::int64_t RandomFilters::Whole() {
  return OneIn(8) ? static_cast<std::int64_t>(random_()) : kWholes[Below(kWholes.size())];
}

double RandomFilters::Real() {
  if (OneIn(8)) return static_cast<double>(Whole()) / 3;
  return kReals[Below(kReals.size())];
}

Instant RandomFilters::Time(bool storable) {
  if (!storable && OneIn(6)) {
    return {.seconds = kFarSeconds[Below(kFarSeconds.size())], .nanos = kNanos[Below(7)]};
  }
  Instant time{.seconds = kSeconds[Below(kSeconds.size())], .nanos = kNanos[Below(7)]};
  if (!storable) return time;
  time.nanos -= time.nanos % NanosPerUnit(unit_);
  // The first and the last second of a column of nanoseconds are not whole.
  if (time.seconds == -9'223'372'037 && time.nanos < 145'224'192) time.seconds = -86'400;
  if (time.seconds == 9'223'372'036 && time.nanos > 854'775'807) time.nanos = 0;
  return time;
}

StringList RandomFilters::List() {
  StringList list;
  while (!OneIn(3)) list.push_back(Text());
  return list;
}

StringMap RandomFilters::Map() {
  StringMap map;
  while (!OneIn(3)) map[Text()] = Text();
  return map;
}

Cell RandomFilters::CellOf(std::size_t field) {
  if (OneIn(5)) return {};
  constexpr std::array kStatuses = {"active", "disabled", "migrating"};
  switch (field) {
    case every::kName:
    case every::kNote:
      return Text();
    case every::kCount:
      return Whole();
    case every::kRatio:
      return OneIn(12) ? std::numeric_limits<double>::infinity() : Real();
    case every::kAudited:
      return OneIn(2);
    case every::kCreated:
    case every::kTtl:
      return Time(true);
    case every::kStatus:
      return kStatuses[Below(kStatuses.size())];
    case every::kTags:
      return List();
    default:
      return Map();
  }
}

MemoryRecord RandomFilters::Record() {
  std::vector<Cell> cells;
  for (std::size_t field = 0; field < every::kFields; ++field) cells.push_back(CellOf(field));
  return MemoryRecord(std::move(cells));
}

std::string RandomFilters::Filter() { return OneIn(100) ? "" : Level(0); }

// Terms joined by one operator, in parentheses wherever the grammar wants them.
std::string RandomFilters::Level(int depth) {
  const std::size_t terms = 1 + Below(depth == 0 ? 4 : 3);
  constexpr std::array kJoins = {" AND ", " OR ", " "};
  const std::string join = kJoins[Below(kJoins.size())];
  std::string out = Term(depth);
  for (std::size_t i = 1; i < terms; ++i) out += join + Term(depth);
  return out;
}

std::string RandomFilters::Term(int depth) {
  const std::string negation = OneIn(4) ? (OneIn(2) ? "NOT " : "-") : "";
  if (depth < 2 && OneIn(4)) return negation + "(" + Space() + Level(depth + 1) + Space() + ")";
  return negation + Clause();
}

std::string RandomFilters::Clause() {
  const std::size_t field = Below(every::kFields + 3);
  switch (field) {
    case every::kName:
      return TextClause("name");
    case every::kNote:
      return TextClause("owner.note");
    case every::kTags:
      return ListClause("tags");
    case every::kLabels:
      return ListClause("labels");
    case every::kFields:
      return TextClause("labels." + Quoted(Text()));
    case every::kFields + 1:
      return Pattern();
    case every::kFields + 2:
      return fmt::format("busier_than({})", Whole());
    default:
      break;
  }
  const bool ordered = field != every::kAudited && field != every::kStatus;
  constexpr std::array kNames = {"",        "",           "count", "ratio",
                                 "audited", "created_at", "ttl",   "status"};
  if (OneIn(6)) return std::string(kNames[field]) + ":*";
  return kNames[field] + Space() + Sign(ordered) + Space() + ValuesFor(field);
}

std::string RandomFilters::TextClause(std::string_view field) {
  const std::string name(field);
  if (OneIn(6)) return name + ":*";
  if (OneIn(3)) return name + Space() + Sign(true) + Space() + Quoted(Text());
  constexpr std::array kSigns = {"=", "!=", ":"};
  return name + Space() + kSigns[Below(3)] + Space() + Pattern();
}

std::string RandomFilters::ListClause(std::string_view field) {
  return std::string(field) + Space() + ":" + Space() + (OneIn(5) ? "*" : Pattern());
}

std::string RandomFilters::ValuesFor(std::size_t field) {
  if (!OneIn(8)) return ValueFor(field);
  return fmt::format("({} {} {})", ValueFor(field), OneIn(2) ? "OR" : "AND", ValueFor(field));
}

std::string RandomFilters::ValueFor(std::size_t field) {
  constexpr std::array kStatuses = {"active", "disabled", "migrating"};
  switch (field) {
    case every::kCount:
      return fmt::to_string(Whole());
    case every::kRatio:
      return fmt::to_string(Real());
    case every::kAudited:
      return OneIn(2) ? "true" : "false";
    case every::kCreated:
      return TimestampText(Time(false));
    case every::kTtl:
      return DurationText(Time(false));
    default:
      return kStatuses[Below(kStatuses.size())];
  }
}

std::string RandomFilters::Pattern() {
  std::string quoted = Quoted(Text());
  if (OneIn(3)) quoted.insert(1, "*");
  if (OneIn(3)) quoted.insert(quoted.size() - 1, "*");
  return quoted;
}

std::string RandomFilters::Sign(bool ordered) {
  constexpr std::array kSigns = {"=", "!=", ":", "<", "<=", ">", ">="};
  return kSigns[Below(ordered ? kSigns.size() : 3)];
}

std::string RandomFilters::Space() { return OneIn(3) ? " " : ""; }

}  // namespace prism::filter
