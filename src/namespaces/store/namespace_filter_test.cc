// The filters of namespaces: SQL over the store and the evaluator in memory find the same.
#include "namespaces/store/namespace_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/testing/temp_directory.h"
#include "namespaces/store/config_reader.h"

namespace prism::namespaces {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"alpha", "beta", "team-a", ""};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t Below(std::size_t n) { return engine_() % n; }
  std::string Word() { return std::string(kWords[Below(kWords.size())]); }

  NamespaceConfig Namespace(int number) {
    NamespaceConfig config;
    config.name = config.settings.name = fmt::format("ns-{}", number);
    config.backend = Below(2) == 0 ? "memory" : "redis-1";
    config.pattern = Below(2) == 0 ? "keyvalue" : "";
    config.status = static_cast<NamespaceStatus>(Below(3));
    config.consistency = static_cast<Consistency>(Below(3));
    config.owner = Word();
    for (std::size_t i = Below(3); i > 0; --i) config.tags.push_back("tag-" + Word());
    for (const char* flag : {"beta", "dark-mode"}) {
      if (Below(2) == 0) config.features[flag] = Below(2) == 0;
    }
    config.cache_ttl_seconds = Below(3) * 60;
    config.rate_limit_rps = Below(4) * 100;
    return config;
  }

  std::string Comparison() {
    constexpr std::array<std::string_view, 6> kOperators = {"=", "!=", "<", "<=", ">", ">="};
    const std::string_view op = kOperators[Below(kOperators.size())];
    switch (Below(13)) {
      case 0:
        return fmt::format("name {} \"ns-{}\"", op, Below(200));
      case 1:
        return fmt::format("backend = \"{}\"", Below(2) == 0 ? "memory" : "redis");
      case 2:
        return fmt::format("status {} {}", Below(2) == 0 ? "=" : "!=", "disabled");
      case 3:
        return fmt::format("consistency = {}", "causal");
      case 4:
        return fmt::format("owner {} \"{}\"", op, Word());
      case 5:
        return fmt::format("tags:\"tag-{}\"", Word());
      case 6:
        return fmt::format("features.beta = {}", Below(2) == 0 ? "true" : "false");
      case 7:
        return "features:\"dark-mode\"";
      case 8:
        return fmt::format("cache_ttl_seconds {} {}", op, Below(3) * 60);
      case 9:
        return fmt::format("rate_limit_rps {} {}", op, Below(4) * 100);
      case 10:
        return fmt::format("revision {} {}", op, Below(10));
      case 11:
        return fmt::format("{} {} 2023-11-14T22:1{}:20{}Z",
                           Below(2) == 0 ? "created_at" : "updated_at", op, 3 + Below(6),
                           Below(2) == 0 ? ".5" : "");
      default:
        return Below(2) == 0 ? "pattern:*" : "alpha";
    }
  }

  std::string Filter() {
    const std::string_view joint = Below(2) == 0 ? " AND " : " OR ";
    std::string text = (Below(3) == 0 ? "NOT " : "") + Comparison();
    for (std::size_t i = Below(3); i > 0; --i) {
      text += fmt::format("{}{}{}", joint, Below(3) == 0 ? "NOT " : "", Comparison());
    }
    return text;
  }

 private:
  std::mt19937 engine_;
};

BackendConfig Backend(const std::string& name, const std::string& type) {
  return {.name = name, .type = type, .connection = "", .username = "", .password = ""};
}

TEST(NamespaceFilterTest, SqlAndEvaluatorAgree) {
  const base::testing::TempDirectory directory;
  ManualClock clock(1'700'000'000'000);
  auto opened = ConfigStore::Open({.path = directory.File("config.db")}, clock);
  ASSERT_TRUE(opened) << opened.error().ToString();
  ConfigStore& store = **opened;
  Random random(20261121);
  Change change;
  change.backends = {{"memory", Backend("memory", "memory")},
                     {"redis-1", Backend("redis-1", "redis")}};
  for (int i = 0; i < 200; ++i) {
    const NamespaceConfig config = random.Namespace(i);
    change.namespaces.push_back({config.name, config});
    if (i % 40 != 39) continue;
    const auto committed = store.Commit(change, {i < 100 ? "ann" : "bob", ""});
    ASSERT_TRUE(committed) << committed.error().ToString();
    change = {};
    clock.Advance(60'000);
  }
  for (int i = 0; i < 20; ++i) {
    const NamespaceConfig config = random.Namespace(i * 7);
    change.namespaces.push_back({config.name, config});
  }
  ASSERT_TRUE(store.Commit(change, {"ann", ""}));
  const ConfigReader reader(store);
  RecordQuery all;
  all.limit = 1000;
  const auto everything = reader.ListNamespaces(all);
  ASSERT_TRUE(everything) << everything.error().ToString();
  ASSERT_EQ(everything->rows.size(), 200u);
  const filter::Schema schema = NamespaceFilterSchema();
  std::size_t found_by_any = 0;
  for (int round = 0; round < 500; ++round) {
    const std::string text = random.Filter();
    const auto filter = filter::Filter::Compile(text, schema);
    ASSERT_TRUE(filter) << text << ": " << filter.error().ToString();
    std::vector<std::string> expected;
    for (const FoundNamespace& found : everything->rows) {
      if (filter->Matches(FilteredNamespace(found))) expected.push_back(found.record.config.name);
    }
    RecordQuery query;
    query.limit = 1000;
    query.where = *filter::ToSql(*filter, RecordQuery::kFirstParameter);
    const auto page = reader.ListNamespaces(query);
    ASSERT_TRUE(page) << text << ": " << page.error().ToString();
    std::vector<std::string> names;
    for (const FoundNamespace& found : page->rows) names.push_back(found.record.config.name);
    EXPECT_EQ(names, expected) << text;
    EXPECT_EQ(page->total, static_cast<std::int64_t>(expected.size())) << text;
    found_by_any += names.size();
  }
  EXPECT_GT(found_by_any, 1000u);
}

}  // namespace
}  // namespace prism::namespaces
