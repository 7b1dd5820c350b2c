#include "namespaces/connection.h"

#include <gtest/gtest.h>

namespace prism::namespaces {
namespace {

TEST(FindLiteralSecretTest, FindsPasswords) {
  for (const char* text : {
           "postgresql://ann:hunter2@db:5432/app",
           "redis://:hunter2@localhost:6379/0",
           "amqp://${env:USER}:hunter2@mq",
           "postgres://ann:x${env:P}@db",
           "host=db user=ann password=hunter2",
           "host=db password = hunter2 user=ann",
           "postgresql://db/app?user=ann&password=hunter2",
           "nats://h:4222?token=abc",
           "https://s3/?Secret-Key=abc",
           "ann:hunter2@db",
           "h:9092?sasl.password=hunter2",
           "h?AccountKey=hunter2",
           "h?aws_secret_access_key=hunter2",
           "h?X-Amz-Signature=hunter2",
           "h?pass%77ord=hunter2",
           "h#password=hunter2",
           "requirepass=hunter2",
           "nats://hunter2@h:4222",
           "nats://a:4222,nats://hunter2@b:4222",
           "https://hunter2@h/path",
           "postgresql://gAhunter27hG5s0Kq1x2@db/app",
           "h?storage_key=gAhunter27hG5s0Kq1x2",
           "h?SharedKey=hunter2",
           R"({"host": "db", "password": "hunter2"})",
           R"({"pass\u0077ord": "hunter2"})",
           R"([{"auth": {"sasl": [{"api-key": "hunter2"}]}}])",
           R"({"pin": {"token": 1234}})",
           R"( {"urls": ["nats://a", "redis://:hunter2@b"]})",
       }) {
    const auto found = FindLiteralSecret(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->find("hunter2"), std::string::npos) << *found;
    EXPECT_NE(found->find("${env:NAME}"), std::string::npos) << *found;
  }
}

TEST(FindLiteralSecretTest, LeavesTheRestAlone) {
  for (const char* text : {
           "",
           "redis://localhost:6379/0",
           "postgresql://ann@db:5432/app",
           "postgresql://ann:${file:/run/secrets/pg}@db:5432/app",
           "postgresql://${env:USER}:${env:PASSWORD}@db:5432/app",
           "redis://${env:HOST}:6379",
           "host=db user=ann password=${env:PG}",
           "host=db password=",
           "nats://a:4222,nats://b:4222",
           "/var/lib/prism/data.db",
           "https://host/path?tokenizer=bert",
           "h?bypass=true&compass=north&signatures=2",
           "h?sasl.password=${env:PASSWORD}",
           "nats://${env:TOKEN}@h:4222",
           "nats://${env:TOKEN}@a:4222,nats://${file:/run/b}@b:4222",
           "nats://${env:USER}:${env:PASSWORD}@a,nats://${env:USER}:${env:PASSWORD}@b",
           "mongodb://ann@a:1,b:2,c:3/db",
           "postgresql://service-account-of-orders-2026@db/app",
           "h?partition_key=customer_id&routing_key=orders.created",
           R"({"host": "db", "password": "${env:PG}", "user": "ann@example.org"})",
           R"({"keys": ["a", "b"], "key": "id", "token": null, "password": ""})",
           R"({"ssl": {"key": "/etc/ssl/client-key-2026.pem"}})",
       }) {
    EXPECT_FALSE(FindLiteralSecret(text)) << text;
  }
}

TEST(FindLiteralSecretTest, FindsThoseOfOptions) {
  struct Row {
    const char* key;
    const char* value;
    bool secret;
  };
  for (const auto& [key, value, secret] : std::initializer_list<Row>{
           {"password", "hunter2", true},
           {"sasl.password", "hunter2", true},
           {"token", "hunter2", true},
           {"Api-Key", "hunter2", true},
           {"key", "gAhunter27hG5s0Kq1x2", true},
           {"encrypt_key", "gAhunter27hG5s0Kq1x2", true},
           {"endpoint", "redis://:hunter2@h", true},
           {"headers", R"({"Bearer": "hunter2"})", true},
           {"password", "${env:PASSWORD}", false},
           {"key", "${file:/run/key}", false},
           {"key", "customer_id", false},
           {"threshold", "256KiB", false},
           {"topic", "orders-created-by-Customers-2026", false},
           {"password", "", false},
       }) {
    const auto found = FindLiteralSecret(key, value);
    EXPECT_EQ(found.has_value(), secret) << key << "=" << value;
    if (found) EXPECT_EQ(found->find("hunter2"), std::string::npos) << *found;
  }
}

}  // namespace
}  // namespace prism::namespaces
