// What identity and permission cost on the request path: a token to its bearer, a caller to what it
// may in one of 10,000 namespaces; and what a change of the configuration costs beside it.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "security/access.h"
#include "security/authenticator.h"
#include "security/token_table.h"

namespace {

namespace security = prism::security;

constexpr int kTokens = 1000;
constexpr int kNamespaces = 10'000;
constexpr prism::WallMillis kNow = 1'800'000'000'000;

struct Tokens {
  Tokens() {
    std::vector<security::TokenTable::Row> rows(kTokens);
    for (security::TokenTable::Row& row : rows) {
      text = *security::NewTokenText();
      const auto parts = security::ParseToken(text);
      row.info.id = parts->id;
      row.info.principal = "service";
      row.info.scope = *security::TokenScope::Parse("*:write");
      row.hash = security::HashSecret(parts->secret);
    }
    table = std::make_shared<const security::TokenTable>(std::move(rows));
  }
  std::string text;  // of the last one
  std::shared_ptr<const security::TokenTable> table;
};

struct Namespaces {
  Namespaces() {
    for (int i = 0; i < kNamespaces; ++i) names.push_back(fmt::format("namespace-{}", i));
    for (int i = 0; i < 10; ++i) access.read.push_back(fmt::format("reader-{}", i));
    access.owner = "team";
    access.write = {"service"};
    for (const std::string& name : names) entries.emplace_back(name, &access);
  }
  std::vector<std::string> names;
  security::NamespaceAccess access;
  std::vector<security::AccessTable::Entry> entries;
};

void Authenticate(benchmark::State& state) {
  const Tokens tokens;
  const security::Authenticator authenticator({}, tokens.table);
  const std::string header = "Bearer " + tokens.text;
  for (auto _ : state) {
    auto caller = authenticator.Authenticate({.authorization = header}, kNow);
    benchmark::DoNotOptimize(caller);
  }
}
BENCHMARK(Authenticate);

void CheckAccess(benchmark::State& state) {
  const Namespaces namespaces;
  const security::AccessTable table({}, namespaces.entries);
  const auto scope = *security::TokenScope::Parse("*:write");
  const security::Caller caller{
      .principal = "service", .proof = security::Proof::kToken, .token_id = {}, .scope = &scope};
  std::size_t next = 0;
  for (auto _ : state) {
    auto allowed = table.Check(caller, namespaces.names[next], security::Permission::kWrite);
    benchmark::DoNotOptimize(allowed);
    next = next + 7919 < namespaces.names.size() ? next + 7919 : next + 7919 - kNamespaces;
  }
}
BENCHMARK(CheckAccess);

void BuildAccessTable(benchmark::State& state) {
  const Namespaces namespaces;
  for (auto _ : state) {
    const security::AccessTable table({}, namespaces.entries);
    benchmark::DoNotOptimize(&table);
  }
}
BENCHMARK(BuildAccessTable)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
