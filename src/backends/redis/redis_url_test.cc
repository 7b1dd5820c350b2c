#include "backends/redis/redis_url.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace prism::backends {
namespace {

TEST(RedisUrl, HasDefaults) {
  const RedisUrl url = ParseRedisUrl("redis://cache.example").value();
  EXPECT_EQ(url.options.target.ToString(), "cache.example:6379");
  EXPECT_EQ(url.options.database, 0);
  EXPECT_FALSE(url.options.tls);
  EXPECT_EQ(url.credentials, RedisCredentials());
  EXPECT_EQ(url.max_connections, 0);
  EXPECT_EQ(url.options.client_name, "prism");
}

TEST(RedisUrl, TakesEveryPart) {
  const RedisUrl url =
      ParseRedisUrl(
          "rediss://us%65r:p%40%3Ass@[::1]:7000/12?client_name=shop&connect_timeout=500ms&"
          "silence_timeout=1m&max_connections=3&max_in_flight=100&ca_file=/etc/ca.pem&"
          "cert_file=/c&key_file=/k&server_name=redis.example")
          .value();
  EXPECT_EQ(url.options.target.ToString(), "[::1]:7000");
  EXPECT_EQ(url.options.database, 12);
  EXPECT_EQ(url.credentials, (RedisCredentials{"user", "p@:ss"}));
  EXPECT_EQ(url.options.client_name, "shop");
  EXPECT_EQ(url.options.connect_timeout, 500 * kNanosPerMilli);
  EXPECT_EQ(url.options.silence_timeout, 60 * kNanosPerSecond);
  EXPECT_EQ(url.max_connections, 3);
  EXPECT_EQ(url.options.limits.in_flight, 128U);
  ASSERT_TRUE(url.options.tls);
  EXPECT_EQ(url.options.tls->ca_file, "/etc/ca.pem");
  EXPECT_EQ(url.options.tls->cert_file, "/c");
  EXPECT_EQ(url.options.tls->key_file, "/k");
  EXPECT_EQ(url.options.tls->server_name, "redis.example");
}

TEST(RedisUrl, TakesUnixSockets) {
  for (const std::string_view text :
       {"unix:/run/redis.sock?database=2", "unix:///run/redis.sock?database=2"}) {
    const RedisUrl url = ParseRedisUrl(text).value();
    EXPECT_EQ(url.options.target.unix_path, "/run/redis.sock");
    EXPECT_EQ(url.options.database, 2);
  }
}

TEST(RedisUrl, APasswordAloneIsThatOfDefault) {
  const RedisUrl url = ParseRedisUrl("redis://:pass@h/").value();
  EXPECT_EQ(url.credentials, (RedisCredentials{"", "pass"}));
  EXPECT_EQ(ParseRedisUrl("redis://user@h").value().credentials, (RedisCredentials{"user", ""}));
}

TEST(RedisUrl, SaysWhatIsWrongWithoutTheSecrets) {
  struct Case {
    std::string_view text;
    std::string_view said;
  };
  const Case cases[] = {
      {"", "schemes"},
      {"http://h", "schemes"},
      {"redis:h", "schemes"},
      {"redis://", "host is missing"},
      {"redis://user:hunter2@", "host is missing"},
      {"redis://user:hunter2@:6379", "host is missing"},
      {"redis://user:hunter2@h:0", "port"},
      {"redis://user:hunter2@h:65536", "port"},
      {"redis://user:hunter2@h:x", "port"},
      {"redis://user:hunter2@[::1", "port"},
      {"redis://user:hunter2%zz@h", "'%' in the password"},
      {"redis://user:hunter2%00@h", "NUL in the password"},
      {"redis://user:hunter2#@h", "'#'"},
      {"redis://user:hunter2@h/x", "database"},
      {"redis://user:hunter2@h/-1", "database"},
      {"redis://user:hunter2@h/1/2", "database"},
      {"redis://user:hunter2@h/70000", "database"},
      {"redis://h?databse=1", "database is meant"},
      {"redis://h?hunter2=1", "does not exist"},
      {"redis://h?database", "has no value"},
      {"redis://h?database=1&database=2", "given twice"},
      {"redis://h?database=1x", "whole number"},
      {"redis://h?client_name=a%20b", "client_name"},
      {"redis://h?connect_timeout=5", "duration"},
      {"redis://h?connect_timeout=0", "duration"},
      {"redis://h?silence_timeout=2h", "duration"},
      {"redis://h?max_connections=0", "max_connections"},
      {"redis://h?max_in_flight=1000000", "max_in_flight"},
      {"redis://h?ca_file=/x", "rediss://"},
      {"unix:relative", "begins with '/'"},
      {"unix:", "begins with '/'"},
  };
  for (const Case& one : cases) {
    const auto url = ParseRedisUrl(one.text);
    ASSERT_FALSE(url) << one.text;
    EXPECT_EQ(url.error().reason(), "BAD_REDIS_URL") << one.text;
    EXPECT_NE(url.error().message().find(one.said), std::string::npos)
        << one.text << ": " << url.error().message();
    EXPECT_EQ(url.error().message().find("hunter2"), std::string::npos) << one.text;
  }
  EXPECT_FALSE(ParseRedisUrl("unix:/" + std::string(200, 'x')));
}

}  // namespace
}  // namespace prism::backends
