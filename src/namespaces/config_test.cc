// prism.yaml as people write it, right and wrong. Each mistake has its place, reason and advice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "namespaces/yaml_source.h"

namespace prism::namespaces {
namespace {

// One line per problem, "LINE:COLUMN REASON", in the order of the file.
std::string Wrong(std::string_view text) {
  const auto snapshot = ParseConfig(text, "prism.yaml");
  if (snapshot) return "fine";
  std::string lines;
  for (const auto& field : snapshot.error().fields()) {
    EXPECT_TRUE(field.field.starts_with("prism.yaml:")) << field.field;
    const std::string reason = field.description.substr(0, field.description.find(':'));
    lines += field.field.substr(11) + " " + reason + "\n";
  }
  return lines;
}

std::string Message(std::string_view text) {
  const auto snapshot = ParseConfig(text, "prism.yaml");
  return snapshot ? "fine" : snapshot.error().ToString();
}

TEST(ConfigTest, WithoutConfigurationThereAreTwoNamespaces) {
  for (const char* text : {"", "# nothing\n", "server: {shards: 2}\n"}) {
    const auto snapshot = ParseConfig(text, "f");
    ASSERT_TRUE(snapshot) << snapshot.error().ToString();
    ASSERT_EQ((*snapshot)->namespaces.size(), 2u);
    EXPECT_EQ((*snapshot)->FindNamespace("default")->backend, "sqlite");
    EXPECT_EQ((*snapshot)->FindNamespace("scratch")->backend, "memory");
    EXPECT_EQ((*snapshot)->FindBackend("sqlite")->type, "sqlite");
  }
  DefaultSource source;
  EXPECT_EQ((*source.Load())->namespaces, BuiltinNamespaces());
}

TEST(ConfigTest, ReadsWhoMayCall) {
  const auto loaded = ParseConfig(R"(
security: {authentication: true, admins: ["unix:ann", ops]}
namespaces:
  - {name: orders, backend: memory, access: {read: ["*"], write: [checkout], admin: [olga]}}
  - {name: closed, backend: memory}
)",
                                  "prism.yaml");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const Snapshot& snapshot = **loaded;
  EXPECT_EQ(snapshot.server.authentication, true);
  EXPECT_EQ(snapshot.server.admins, (std::vector<std::string>{"unix:ann", "ops"}));
  const AccessLists orders{.read = {"*"}, .write = {"checkout"}, .admin = {"olga"}};
  EXPECT_EQ(snapshot.FindNamespace("orders")->access, orders);
  EXPECT_EQ(snapshot.FindNamespace("closed")->access, AccessLists());
}

TEST(ConfigTest, RefusesListsOfNobody) {
  EXPECT_TRUE(Message("security: {admins: [\"\"]}").contains("BAD_VALUE"));
  EXPECT_TRUE(Message("security: {admins: [" + std::string(513, 'x') + "]}").contains("BAD_VALUE"));
  EXPECT_TRUE(Message("security: {authenticated: true}").contains("authentication"));
  EXPECT_TRUE(
      Message("namespaces: [{name: a, backend: memory, access: {reed: [x]}}]").contains("read"));
  EXPECT_TRUE(
      Message("namespaces: [{name: a, backend: memory, access: [x]}]").contains("BAD_VALUE"));
}

TEST(ConfigTest, ReadsTheShortForm) {
  const auto loaded = ParseConfig(R"(
server:
  listen: 127.0.0.1:0
  drain_timeout: 5s
  insecure: false
  limits: {max-connections: 100, max_message_bytes: 8MiB}
memory: {max_bytes: 1GiB}
backends:
  cache: {type: memstore}
  postgres-queue: {type: postgres, connection: "postgresql://db/prism", password: "${file:/run/pg}"}
namespaces:
  - name: user-profiles
    backend: postgres-queue
    pattern: key_value_thing
    consistency: eventual
    tags: [production, high-traffic]
    owner: team-a
  - name: sessions
    backend: cache
    pattern: keyvalue
    rate_limit_rps: 1000
    max-value-bytes: 256KiB
    max_bytes: 1GiB
    max_keys: 10
    dedup_window: 1m
    dedup_max_entries: 5
    default_timeout: 250ms
    max_in_flight: 7
  - {name: durable, backend: sqlite}
)",
                                  "prism.yaml");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const Snapshot& snapshot = **loaded;
  EXPECT_EQ(snapshot.server.listen, "127.0.0.1:0");
  EXPECT_EQ(snapshot.server.drain_timeout, std::chrono::seconds(5));
  EXPECT_EQ(snapshot.server.max_connections, 100u);
  EXPECT_EQ(snapshot.server.max_message_bytes, 8u << 20);
  EXPECT_EQ(snapshot.server.memory_max_bytes, 1u << 30);
  EXPECT_EQ(snapshot.FindBackend("cache")->type, "memory");
  EXPECT_NE(snapshot.FindBackend("sqlite"), nullptr);  // used by a namespace
  EXPECT_EQ(snapshot.FindBackend("memory"), nullptr);  // not used
  EXPECT_EQ(snapshot.FindBackend("postgres-queue")->password, "${file:/run/pg}");
  ASSERT_EQ(snapshot.namespaces.size(), 3u);
  EXPECT_TRUE(std::ranges::is_sorted(snapshot.namespaces, {}, &NamespaceConfig::name));
  const NamespaceConfig& profiles = *snapshot.FindNamespace("user-profiles");
  EXPECT_EQ(profiles.pattern, "key-value-thing");
  EXPECT_EQ(profiles.consistency, Consistency::kEventual);
  EXPECT_EQ(profiles.tags, (std::vector<std::string>{"production", "high-traffic"}));
  const NamespaceConfig& sessions = *snapshot.FindNamespace("sessions");
  EXPECT_EQ(sessions.rate_limit_rps, 1000u);
  EXPECT_EQ(sessions.default_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(sessions.max_in_flight, 7u);
  const contract::NamespaceSettings settings{.name = "sessions",
                                             .max_value_bytes = 256 * 1024,
                                             .max_bytes = 1u << 30,
                                             .max_keys = 10,
                                             .dedup_window_ms = 60'000,
                                             .dedup_max_entries = 5};
  EXPECT_EQ(sessions.settings, settings);
}

TEST(ConfigTest, AnUnknownKeyNamesTheNearest) {
  EXPECT_EQ(Wrong("namespacs: []\n"), "1:1 UNKNOWN_KEY\n");
  EXPECT_NE(Message("namespacs: []\n").find("did you mean \"namespaces\"?"), std::string::npos);
  const std::string text = "namespaces:\n  - {name: a, backend: memory, rate-limit-rsp: 5}\n";
  EXPECT_EQ(Wrong(text), "2:32 UNKNOWN_KEY\n");
  EXPECT_NE(Message(text).find("did you mean \"rate_limit_rps\"?"), std::string::npos);
  EXPECT_EQ(Wrong("server: {limits: {max_conections: 5}}\n"), "1:19 UNKNOWN_KEY\n");
}

TEST(ConfigTest, ADuplicateKeyIsRefusedInEverySpelling) {
  EXPECT_EQ(Wrong("memory: {max_bytes: 1GiB}\nmemory: {max_bytes: 2GiB}\n"), "2:1 DUPLICATE_KEY\n");
  EXPECT_EQ(Wrong("memory: {max_bytes: 1GiB, max-bytes: 2GiB}\n"), "1:27 DUPLICATE_KEY\n");
  EXPECT_EQ(Wrong("backends:\n  a: {type: memory}\n  a: {type: sqlite}\n"), "3:3 DUPLICATE_KEY\n");
  EXPECT_EQ(Wrong("namespaces:\n  - {name: a, backend: memory}\n  - {name: a, backend: sqlite}\n"),
            "3:5 DUPLICATE_NAME\n");
}

TEST(ConfigTest, OriginsOfWebPagesAreCheckedOneByOne) {
  EXPECT_EQ(Wrong("server: {cors: {allowed_origins: [\"https://a\", b, [c]]}}\n"),
            "1:48 BAD_ORIGIN\n1:51 BAD_ORIGIN\n");
  EXPECT_EQ(Wrong("server: {cors: {allowed_origins: \"*\"}}\n"), "1:34 BAD_VALUE\n");
  EXPECT_EQ(Wrong("server: {cors: {max_age: 2d, allow_credential: true}}\n"),
            "1:26 BAD_VALUE\n1:30 UNKNOWN_KEY\n");
}

TEST(ConfigTest, ALiteralPasswordIsRefusedAndNotRepeated) {
  for (const char* text : {"backends:\n  p: {type: postgres, connection: \"pg://u:hunter2@h\"}\n",
                           "backends:\n  p: {type: postgres, password: hunter2}\n"}) {
    EXPECT_NE(Wrong(text).find("LITERAL_SECRET"), std::string::npos);
    EXPECT_EQ(Message(text).find("hunter2"), std::string::npos) << Message(text);
    EXPECT_NE(Message(text).find("${env:NAME}"), std::string::npos);
  }
  EXPECT_EQ(Wrong("backends:\n  p: {type: redis, connection: \"redis://${vault:x}\"}\n"),
            "2:32 BAD_SECRET_REFERENCE\n");
}

TEST(ConfigTest, FindsEveryMistakeInOneGo) {
  EXPECT_EQ(Wrong("server: {shards: many, listen: [1]}\n"
                  "backends:\n"
                  "  Bad_Name: {}\n"
                  "namespaces:\n"
                  "  - {backend: memory}\n"
                  "  - {name: a, backend: memroy}\n"
                  "  - {name: b}\n"
                  "  - {name: c, backend: memory, default_timeout: 10, consistency: best}\n"
                  "  - {name: d, backend: memory, max_value_bytes: 2TiB, tags: x}\n"
                  "  - just text\n"),
            "1:18 BAD_VALUE\n1:32 BAD_VALUE\n"
            "3:3 BAD_NAME\n3:3 MISSING_KEY\n"
            "5:5 MISSING_KEY\n"
            "6:24 BACKEND_NOT_FOUND\n"
            "7:5 MISSING_KEY\n"
            "8:49 BAD_VALUE\n8:66 BAD_VALUE\n"
            "9:49 BAD_VALUE\n9:61 BAD_VALUE\n"
            "10:5 BAD_VALUE\n");
}

TEST(ConfigTest, ADashWithNothingBehindItIsNoNamespace) {
  const std::string problems = Wrong("namespaces:\n  -\n  - {name: a, backend: memory}\n");
  EXPECT_NE(problems.find("MISSING_KEY\n"), std::string::npos) << problems;
}

TEST(ConfigTest, ASingleProblemGivesItsReasonToTheError) {
  const auto one = ParseConfig("memory: {max_bytes: lots}\n", "prism.yaml");
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().reason(), "BAD_VALUE");
  EXPECT_TRUE(one.error().message().starts_with("prism.yaml:1:21: BAD_VALUE: max_bytes"));
  const auto two = ParseConfig("a: 1\nb: 2\n", "prism.yaml");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().reason(), "CONFIG_INVALID");
  EXPECT_NE(two.error().message().find("\n  prism.yaml:2:1: UNKNOWN_KEY"), std::string::npos);
}

TEST(ConfigTest, ASyntaxErrorIsReportedAlone) {
  EXPECT_EQ(Wrong("unknown: 1\nnamespaces: [a, b\n"), "3:1 YAML_SYNTAX\n");
}

TEST(ConfigTest, ManyProblemsAreCapped) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "unknown" + std::to_string(i) + ": 1\n";
  const auto loaded = ParseConfig(text, "f");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().fields().size(), 100u);
  EXPECT_NE(loaded.error().message().find("f has 500 problems"), std::string::npos);
  EXPECT_NE(loaded.error().message().find("and 400 more"), std::string::npos);
}

TEST(YamlSourceTest, SaysWhyAFileCantBeRead) {
  EXPECT_EQ(YamlSource("/nowhere/prism.yaml").Load().error().reason(), "CONFIG_NOT_FOUND");
  EXPECT_EQ(YamlSource("/tmp").Load().error().reason(), "CONFIG_UNREADABLE");
  const std::string path = testing::TempDir() + "/prism_config_test.yaml";
  std::ofstream(path) << "a";
  std::filesystem::resize_file(path, (16u << 20) + 1);
  EXPECT_EQ(YamlSource(path).Load().error().reason(), "CONFIG_TOO_LARGE");
  std::ofstream(path) << "namespaces: [{name: a, backend: memory}]\n";
  const auto loaded = YamlSource(path).Load();
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  EXPECT_NE((*loaded)->FindNamespace("a"), nullptr);
  std::filesystem::remove(path);
}

TEST(ConfigTest, TextsAreBoundedAndOneLine) {
  const auto ns = [](const std::string& more) {
    return Wrong("namespaces: [{name: a, backend: memory, " + more + "}]\n");
  };
  const auto times = [](int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text + ",";
    return all;
  };
  EXPECT_EQ(ns("tags: [" + times(64, std::string(255, 'x')) + "]"), "fine");
  EXPECT_EQ(ns("tags: [" + times(65, "x") + "]"), "1:47 BAD_VALUE\n");
  EXPECT_EQ(ns("tags: [" + std::string(256, 'x') + "]"), "1:47 BAD_VALUE\n");
  EXPECT_EQ(ns("tags: [fine, '']"), "1:47 BAD_VALUE\n");
  EXPECT_EQ(ns(R"(tags: ["a\tb"])"), "1:47 BAD_VALUE\n");
  EXPECT_EQ(ns(R"(owner: "a\nb")"), "1:48 BAD_VALUE\n");
  EXPECT_EQ(ns(R"(owner: "\x1b[31mred")"), "1:48 BAD_VALUE\n");
  EXPECT_EQ(ns(R"(owner: "a\x85b")"), "1:48 BAD_VALUE\n") << "C1";
  EXPECT_EQ(ns("owner: " + std::string(1025, 'x')), "1:48 BAD_VALUE\n");
  for (const char* wrong : {"\\u2028", "\\u202e", "\\u2066", "\\u2069"}) {
    EXPECT_EQ(ns(std::string("owner: \"a") + wrong + "b\""), "1:48 BAD_VALUE\n") << wrong;
  }
  EXPECT_EQ(ns("owner: \"Zoë à Köln ✓ “a” … \u2070\""), "fine");
  EXPECT_EQ(ns("owner: \"a\xff\""), "1:48 BAD_VALUE\n") << "not UTF-8";
  EXPECT_EQ(ns(R"(access: {read: ["a\u0007"]})"), "1:56 BAD_VALUE\n");
  const auto on = [](const std::string& more) {
    return Wrong("backends: {b: {type: redis, " + more + "}}\n");
  };
  EXPECT_EQ(on("connection: " + std::string(4096, 'h')), "fine");
  EXPECT_EQ(on("connection: " + std::string(4097, 'h')), "1:41 BAD_VALUE\n");
  EXPECT_EQ(on(R"(username: "a\rb")"), "1:39 BAD_VALUE\n");
  EXPECT_EQ(on("password: '${file:/" + std::string(1024, 'x') + "}'"), "1:39 BAD_VALUE\n");
}

TEST(ConfigTest, PatternsAreBounded) {
  const auto of = [](const std::string& more) {
    return Wrong("namespaces: [{name: a, backend: memory, patterns: [{type: outbox, " + more +
                 "}]}]\n");
  };
  const auto many = [](int count, const std::string& value) {
    std::string all;
    for (int i = 0; i < count; ++i) all += fmt::format("o{}: {},", i, value);
    return all;
  };
  EXPECT_EQ(of("config: {" + many(64, "1") + "}"), "fine");
  EXPECT_EQ(of("config: {" + many(65, "1") + "}"), "1:75 BAD_VALUE\n");
  EXPECT_EQ(of("config: {" + std::string(64, 'k') + ": 1}"), "1:76 BAD_NAME\n");
  EXPECT_EQ(of("config: {k: " + std::string(1025, 'v') + "}"), "1:79 BAD_VALUE\n");
  EXPECT_EQ(of("config: {api-token: hunter2}"), "1:87 LITERAL_SECRET\n");
  EXPECT_EQ(of("config: {api-token: '${env:TOKEN}'}"), "fine");
  EXPECT_EQ(of("slots: {" + many(16, "{backend: memory}") + "}"), "fine");
  EXPECT_EQ(of("slots: {" + many(17, "{backend: memory}") + "}"), "1:74 BAD_VALUE\n");
}

TEST(ConfigTest, ReadsStatusAndFeatures) {
  const auto loaded = ParseConfig(
      "namespaces:\n  - {name: a, backend: memory, status: disabled, cache_ttl_seconds: 60,\n"
      "     features: {new-checkout: true, old: false}}\n  - {name: b, backend: memory}\n",
      "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const NamespaceConfig& a = *(*loaded)->FindNamespace("a");
  EXPECT_EQ(a.status, NamespaceStatus::kDisabled);
  EXPECT_EQ(a.cache_ttl_seconds, 60u);
  EXPECT_EQ(a.features, (std::map<std::string, bool>{{"new-checkout", true}, {"old", false}}));
  EXPECT_EQ((*loaded)->FindNamespace("b")->status, NamespaceStatus::kActive);
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: memory, status: asleep}]"), "1:49 BAD_VALUE\n");
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: memory, features: {UPPER: true, b: maybe}}]"),
            "1:52 BAD_NAME\n1:68 BAD_VALUE\n");
}

TEST(ConfigTest, ReadsWhatANamespaceNeeds) {
  const auto loaded = ParseConfig(R"(
namespaces:
  - name: events
    backend: memory
    needs:
      access-pattern: append_heavy
      durability: replicated
      consistency: eventual
      ordered: true
      replay: false
      read_rps: 0
      write_rps: 10000
      latency_p99_ms: 9
      data_size: 1TiB
      retention: 90d
      max_message_size: 2MiB
      ttl: 1h
      enable_cache: false
      kafka_partitions: 20
      kafka_replication_factor: 3
  - {name: modest, backend: memory, needs: {retention: 0}}
  - {name: empty, backend: memory, needs: {}}
  - {name: nothing, backend: memory}
)",
                                  "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const Needs events{.access_pattern = AccessPattern::kAppendHeavy,
                     .durability = contract::Durability::kReplicated,
                     .consistency = Consistency::kEventual,
                     .ordered = true,
                     .replay = false,
                     .read_rps = 0,
                     .write_rps = 10'000,
                     .latency_p99_ms = 9,
                     .data_size = std::uint64_t{1} << 40,
                     .retention = std::chrono::hours(24 * 90),
                     .max_message_size = 2 << 20,
                     .ttl = std::chrono::hours(1),
                     .enable_cache = false,
                     .kafka_partitions = 20,
                     .kafka_replication_factor = 3};
  EXPECT_EQ((*loaded)->FindNamespace("events")->needs, events);
  EXPECT_EQ((*loaded)->FindNamespace("modest")->needs.retention, std::chrono::seconds(0));
  EXPECT_EQ((*loaded)->FindNamespace("empty")->needs, Needs());
  EXPECT_EQ((*loaded)->FindNamespace("nothing")->needs, Needs());
}

TEST(ConfigTest, NeedsAreChecked) {
  const auto of = [](const std::string& needs) {
    return Wrong("namespaces: [{name: a, backend: memory, needs: " + needs + "}]");
  };
  EXPECT_EQ(of("[]"), "1:48 BAD_VALUE\n");
  EXPECT_EQ(of("{latency_p99_ms: 0, write_rps: -1, durability: strong, ordered: 1, ttl: 0,\n"
               "  retention: 100001d, max_message_size: 2GiB, kafka_partitions: 0}"),
            "1:65 BAD_VALUE\n1:79 BAD_VALUE\n1:95 BAD_VALUE\n1:112 BAD_VALUE\n1:120 BAD_VALUE\n"
            "2:14 BAD_VALUE\n2:41 BAD_VALUE\n2:65 BAD_VALUE\n");
  EXPECT_EQ(of("{latency_p99: 5, quantum: 1}"), "1:49 UNKNOWN_KEY\n1:65 UNKNOWN_KEY\n");
  EXPECT_NE(Message("namespaces: [{name: a, backend: memory, needs: {latency_p99: 5}}]")
                .find("needs has no setting \"latency_p99\": did you mean \"latency_p99_ms\"?"),
            std::string::npos);
}

TEST(ConfigTest, ReadsWhereCallsAreMirroredTo) {
  const auto loaded = ParseConfig(R"(
backends: {old: {type: memory}, new: {type: memory}}
namespaces:
  - {name: plain, backend: old, shadow: {backend: new}}
  - name: all
    backend: old
    shadow: {backend: new, sample_percent: 5, reads: false, writes: true, keep_differences: 0}
  - {name: none, backend: old, shadow: }
)",
                                  "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const ShadowConfig plain{.backend = "new",
                           .sample_percent = 100,
                           .reads = true,
                           .writes = true,
                           .keep_differences = 1000};
  const ShadowConfig all{
      .backend = "new", .sample_percent = 5, .reads = false, .writes = true, .keep_differences = 0};
  EXPECT_EQ((*loaded)->FindNamespace("plain")->shadow, plain);
  EXPECT_EQ((*loaded)->FindNamespace("all")->shadow, all);
  EXPECT_EQ((*loaded)->FindNamespace("none")->shadow, std::nullopt);
  EXPECT_EQ(BackendsOf(*(*loaded)->FindNamespace("plain")),
            (std::vector<std::string>{"old", "new"}));
  EXPECT_EQ(PatternsOf(*(*loaded)->FindNamespace("plain")), std::vector<std::string>{"shadow"});
}

TEST(ConfigTest, ShadowsAreChecked) {
  const auto of = [](const std::string& shadow, const std::string& more = "") {
    return Wrong("namespaces: [{name: a, backend: memory, " + more + "shadow: " + shadow + "}]");
  };
  EXPECT_EQ(of("{backend: nowhere}"), "1:59 BACKEND_NOT_FOUND\n");
  EXPECT_EQ(of("{backend: memory}"), "1:59 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: a}"), "1:59 STACK_CYCLE\n");
  EXPECT_EQ(of("{}"), "1:49 MISSING_KEY\n");
  EXPECT_EQ(of("[sqlite]"), "1:49 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: [sqlite]}"), "1:59 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: sqlite, sample_percent: 0, keep_differences: 1000001}"),
            "1:83 BAD_VALUE\n1:104 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: sqlite, reads: false, writes: false}"), "1:49 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: sqlite, sample: 5}"), "1:67 UNKNOWN_KEY\n");
  EXPECT_EQ(of("{backend: sqlite}", "pattern: shadow, "), "1:66 BAD_VALUE\n");
  EXPECT_EQ(of("{backend: sqlite}", "patterns: [{type: shadow}], "), "1:77 BAD_VALUE\n");
}

// --- the spellings of the documentation that Prism came from
// --------------------------------------

constexpr std::string_view kOnePattern = R"(
# Backend configuration (connection details)
backends:
  redis-cache:
    type: redis
    connection: "redis://localhost:6379/0"
  nats-messaging:
    type: nats
    connection: "nats://localhost:4222"
  postgres-queue:
    type: postgres
    connection: "postgresql://localhost:5432/prism"

# Pattern configuration (slot bindings)
pattern: multicast-registry
slots:
  registry:
    backend: redis-cache      # References backend config
    interface: keyvalue_basic # Required interface
  messaging:
    backend: nats-messaging
    interface: pubsub_basic
  durability:
    backend: postgres-queue
    interface: queue_basic
)";

TEST(ConfigTest, AFileCanBeOnePatternWithItsSlots) {
  const auto loaded = ParseConfig(kOnePattern, "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  EXPECT_TRUE((*loaded)->declared);
  ASSERT_EQ((*loaded)->namespaces.size(), 1u);
  const NamespaceConfig& ns = (*loaded)->namespaces.front();
  EXPECT_EQ(ns.name, "multicast-registry");
  EXPECT_EQ(ns.settings.name, "multicast-registry");
  EXPECT_EQ(ns.pattern, "multicast-registry");
  EXPECT_EQ(ns.backend, "redis-cache");
  const PatternConfig expected = {.type = "multicast-registry",
                                  .slots = {{"registry", "redis-cache", "keyvalue_basic"},
                                            {"messaging", "nats-messaging", "pubsub_basic"},
                                            {"durability", "postgres-queue", "queue_basic"}},
                                  .config = {}};
  EXPECT_EQ(ns.patterns, std::vector{expected});
  const auto named = ParseConfig("name: devices\n" + std::string(kOnePattern), "f");
  EXPECT_EQ((*named)->namespaces.front().name, "devices");
}

TEST(ConfigTest, AConnectionStringIsABackendOfItsType) {
  const auto loaded = ParseConfig(R"(
namespaces:
  - name: user-profiles
    backend: postgres
    pattern: keyvalue
    consistency: strong
    connection_string: postgres://db:5432/profiles
  - {name: orders, backend: postgres, connection_string: "postgres://db:5432/profiles"}
  - {name: sessions, backend: redis, connection_string: "redis://cache"}
)",
                                  "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const Snapshot& snapshot = **loaded;
  ASSERT_EQ(snapshot.backends.size(), 2u);
  const NamespaceConfig& profiles = *snapshot.FindNamespace("user-profiles");
  EXPECT_EQ(profiles.pattern, "keyvalue");
  EXPECT_EQ(profiles.backend, snapshot.FindNamespace("orders")->backend);
  const BackendConfig& made = *snapshot.FindBackend(profiles.backend);
  EXPECT_EQ(made.type, "postgres");
  EXPECT_EQ(made.connection, "postgres://db:5432/profiles");
  EXPECT_TRUE(made.name.starts_with("postgres-")) << made.name;
  EXPECT_EQ(snapshot.FindBackend(snapshot.FindNamespace("sessions")->backend)->type, "redis");
  EXPECT_EQ(Wrong("namespaces:\n- {name: a, backend: postgres, connection_string: "
                  "'postgres://u:pw@db/x'}\n"),
            "2:51 LITERAL_SECRET\n");
}

TEST(ConfigTest, ReadsAStackOfPatterns) {
  const auto loaded = ParseConfig(R"(
backends: {store: {type: postgres}, files: {type: file}, nats-messaging: {type: nats}}
namespaces:
  - name: orders                 # a stack, application first
    patterns:
      - {type: outbox, slots: {store: {backend: store}}}
      - {type: claim_check, slots: {objects: {backend: files}}, config: {threshold: 256KiB}}
    backend: nats-messaging
)",
                                  "f");
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const NamespaceConfig& ns = (*loaded)->namespaces.front();
  EXPECT_EQ(ns.backend, "nats-messaging");
  EXPECT_EQ(ns.pattern, "outbox");
  ASSERT_EQ(ns.patterns.size(), 2u);
  EXPECT_EQ(ns.patterns[1].type, "claim-check");
  EXPECT_EQ(ns.patterns[1].config.at("threshold"), "256KiB");
  EXPECT_EQ(BackendsOf(ns), (std::vector<std::string>{"nats-messaging", "store", "files"}));
}

TEST(ConfigTest, AStackThatStandsOnItselfIsRefused) {
  const char* stack =
      "namespaces:\n  - {name: a, backend: memory,\n"
      "     patterns: [{type: cache}, {type: outbox}, {type: claim-check}, {type: outbox}]}\n";
  EXPECT_EQ(Wrong(stack), "3:16 STACK_CYCLE\n");
  EXPECT_NE(Message(stack).find("outbox -> claim-check -> outbox"), std::string::npos);
  const char* slot =
      "namespaces: [{name: a, patterns: [{type: outbox, slots: {store: {backend: a}}}]}]\n";
  EXPECT_EQ(Wrong(slot), "1:75 STACK_CYCLE\n");
  EXPECT_NE(Message(slot).find("a -> a"), std::string::npos) << Message(slot);
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: a}]\n"), "1:33 STACK_CYCLE\n");
  EXPECT_EQ(Wrong("backends: {a: {type: memory}}\nnamespaces: [{name: a, backend: a}]\n"), "fine");
}

TEST(ConfigTest, TypesOfBackendsAreThoseOfTheCatalogue) {
  const char* typo = "backends:\n  a: {type: postgress}\n  b: {type: frob}\n  c: {type: [x]}\n";
  EXPECT_EQ(Wrong(typo), "2:13 BAD_VALUE\n3:13 BAD_VALUE\n4:13 BAD_VALUE\n");
  EXPECT_NE(Message(typo).find("did you mean \"postgres\"?"), std::string::npos) << Message(typo);
  EXPECT_NE(Message(typo).find("memory, sqlite, redis, "), std::string::npos) << Message(typo);
  const char* beside = "pattern: keyvalue\nbackend: reddis\nconnection_string: redis://h\n";
  EXPECT_EQ(Wrong(beside), "2:10 BAD_VALUE\n");
  EXPECT_NE(Message(beside).find("did you mean \"redis\"?"), std::string::npos);
  EXPECT_EQ(Wrong("backends: {a: {type: s3}, b: {type: memstore}}\n"), "fine");
}

TEST(ConfigTest, MistakesInPatternsAndConnectionsHaveTheirPlaces) {
  EXPECT_EQ(Wrong("pattern: outbox\nslots: {store: {backend: nowhere}}\n"),
            "2:26 BACKEND_NOT_FOUND\n");
  EXPECT_EQ(Wrong("pattern: outbox\nslots: {store: {}}\n"), "2:9 MISSING_KEY\n");
  EXPECT_EQ(Wrong("pattern: outbox\nslots: [store]\n"), "1:1 MISSING_KEY\n2:8 BAD_VALUE\n");
  EXPECT_EQ(Wrong("pattern: outbox\nbackend: memory\nslots: {s: {backend: memory, port: 1}}\n"),
            "3:30 UNKNOWN_KEY\n");
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: memory, slots: {s: {backend: memory}}}]\n"),
            "1:48 MISSING_KEY\n");
  EXPECT_EQ(Wrong("backends: {a: {type: redis, connection: [x]}}\n"), "1:41 BAD_VALUE\n");
  EXPECT_EQ(Wrong("pattern: outbox\nslots: {s: {backend: memory, interface: '?'}}\n"),
            "2:12 BAD_NAME\n");
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: memory, patterns: []}]\n"), "1:51 BAD_VALUE\n");
  EXPECT_EQ(Wrong("namespaces: [{name: a, backend: memory, pattern: x, patterns: [{type: y}]}]\n"),
            "1:63 BAD_VALUE\n");
  EXPECT_EQ(Wrong("pattern: keyvalue\nbackend: memory\nnamespaces: []\n"), "1:10 BAD_VALUE\n");
}

}  // namespace
}  // namespace prism::namespaces
