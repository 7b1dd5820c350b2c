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
    if (Below(3) > 0) config.needs = SomeNeeds();
    if (Below(3) == 0) {
      config.shadow.emplace();
      config.shadow->backend = config.backend == "memory" ? "redis-1" : "memory";
      config.shadow->sample_percent = 1 + Below(3);
      config.shadow->reads = Below(2) == 0;
    }
    return config;
  }

  Needs SomeNeeds() {
    Needs needs;
    if (Below(2) == 0) needs.latency_p99_ms = Below(3) * 5 + 5;
    if (Below(2) == 0) needs.write_rps = Below(3) * 1000;
    if (Below(2) == 0) needs.durability = static_cast<contract::Durability>(Below(4));
    if (Below(2) == 0) needs.ordered = Below(2) == 0;
    if (Below(2) == 0) needs.data_size = Below(3) << 30;
    if (Below(2) == 0) needs.retention = std::chrono::milliseconds(Below(4) * 1500);
    return needs;
  }

  std::string Comparison() {
    constexpr std::array<std::string_view, 6> kOperators = {"=", "!=", "<", "<=", ">", ">="};
    const std::string_view op = kOperators[Below(kOperators.size())];
    switch (Below(21)) {
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
      case 12:
        return Below(2) == 0 ? "pattern:*" : "alpha";
      default:
        return Declared(op);
    }
  }

  std::string Declared(std::string_view op) {
    switch (Below(9)) {
      case 0:
        return fmt::format("needs.latency_p99_ms {} {}", op, Below(4) * 5);
      case 1:
        return fmt::format("latency_p99_ms {} {}", op, Below(4) * 5);
      case 2:
        return fmt::format("needs.write_rps {} {}", op, Below(3) * 1000);
      case 3:
        return fmt::format("needs.durability {} fsynced", Below(2) == 0 ? "=" : "!=");
      case 4:
        return fmt::format("ordered {} {}",
                           Below(2) == 0 ? "=" : "!=", Below(2) == 0 ? "true" : "false");
      case 5:
        return fmt::format("data_size {} {}", op, Below(3) << 30);
      case 6:
        return fmt::format("needs.retention {} {}s", op, Below(2) == 0 ? "1.5" : "3");
      case 7:
        return fmt::format("shadow.sample_percent {} {}", op, 1 + Below(3));
      default:
        return Below(3) == 0   ? "shadow.backend:*"
               : Below(2) == 0 ? "shadow.reads = true"
                               : "needs.retention:*";
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

TEST(NamespaceFilterTest, NeedsAreAlsoNamedByThemselves) {
  const filter::Schema schema = NamespaceFilterSchema();
  const auto latency = schema.Find("latency_p99_ms");
  ASSERT_TRUE(latency);
  EXPECT_EQ(latency, schema.Find("needs.latency_p99_ms"));
  // A namespace has that setting itself.
  EXPECT_NE(schema.Find("consistency"), schema.Find("needs.consistency"));
  EXPECT_FALSE(schema.Find("sample_percent"));
  FoundNamespace found;
  const auto matches = [&](std::string_view text) {
    const auto filter = filter::Filter::Compile(text, schema);
    EXPECT_TRUE(filter) << filter.error().ToString();
    return filter && filter->Matches(FilteredNamespace(found));
  };
  EXPECT_FALSE(matches("latency_p99_ms < 10")) << "what is not declared is not small";
  found.record.config.needs.latency_p99_ms = 9;
  EXPECT_TRUE(matches("latency_p99_ms < 10"));
  EXPECT_TRUE(matches("needs.latency_p99_ms < 10 needs.latency_p99_ms:* -needs.ttl:*"));
}

}  // namespace
}  // namespace prism::namespaces
