#include "namespaces/yaml_writer.h"

#include <gtest/gtest.h>

#include "namespaces/yaml_source.h"

namespace prism::namespaces {
namespace {

// What ParseConfig makes of a text.
std::shared_ptr<const Snapshot> Parsed(const std::string& text) {
  const auto parsed = ParseConfig(text, "prism.yaml");
  EXPECT_TRUE(parsed) << parsed.error().ToString() << "\n" << text;
  return parsed ? *parsed : std::make_shared<const Snapshot>();
}

void ExpectRoundTrip(const Snapshot& snapshot) {
  const std::string text = ToYaml(snapshot);
  const auto back = Parsed(text);
  EXPECT_EQ(back->backends, snapshot.backends) << text;
  EXPECT_EQ(back->namespaces, snapshot.namespaces) << text;
  EXPECT_EQ(ToYaml(*back), text);
}

TEST(YamlWriterTest, EverySettingIsReadBack) {
  const auto snapshot = Parsed(R"yaml(
backends:
  redis-1: {type: redis, connection: "redis://h:1/0", username: "a: \"b\"", password: "${env:P}"}
  memory: {type: memory}
namespaces:
  - name: plain
    backend: memory
  - name: everything
    pattern: keyvalue
    backend: redis-1
    status: migrating
    consistency: causal
    owner: "x509:CN=ann, O=\"Team\" # not a comment"
    access: {read: ["*"], write: ["unix:bob", "true"], admin: [ann]}
    tags: ["true", "1", "a b", "- c", "ä", "a \"b\"", "\\"]
    features: {beta: true, "no": false, "12": true}
    needs:
      access_pattern: read_heavy
      durability: accepted
      consistency: causal
      ordered: false
      replay: true
      read_rps: 5000
      write_rps: 0
      latency_p99_ms: 10
      data_size: 5GB
      retention: 0s
      max_message_size: 1000
      ttl: 1m30s
      enable_cache: true
      kafka_partitions: 4
      kafka_replication_factor: 2
    shadow: {backend: memory, sample_percent: 3, reads: false, writes: true, keep_differences: 7}
    cache_ttl_seconds: 60
    rate_limit_rps: 100
    max_in_flight: 7
    default_timeout: 1500ms
    max_value_bytes: 1000
    max_bytes: 10GiB
    max_keys: 12
    dedup_window: 1h
    dedup_max_entries: 9
  - {name: shadowed, backend: memory, shadow: {backend: redis-1}}
  - name: stack
    patterns:
      - type: outbox
        slots: {store: {backend: redis-1, interface: keyvalue_basic}}
      - type: claim-check
        config: {threshold: 256KiB, "odd key": "x: y"}
    backend: memory
  - name: slots
    pattern: multicast-registry
    slots: {registry: {backend: redis-1}, messaging: {backend: memory}}
)yaml");
  ASSERT_EQ(snapshot->namespaces.size(), 5u);
  ExpectRoundTrip(*snapshot);
}

TEST(YamlWriterTest, DefaultsAreLeftOut) {
  Snapshot snapshot;
  snapshot.backends = BuiltinBackends();
  snapshot.namespaces = BuiltinNamespaces();
  EXPECT_EQ(ToYaml(snapshot),
            "backends:\n  memory:\n    type: memory\n  sqlite:\n    type: sqlite\n"
            "namespaces:\n  - name: default\n    backend: sqlite\n"
            "  - name: scratch\n    backend: memory\n");
  ExpectRoundTrip(snapshot);
}

TEST(YamlWriterTest, NothingIsWrittenAndReadToo) { ExpectRoundTrip(Snapshot()); }

}  // namespace
}  // namespace prism::namespaces
