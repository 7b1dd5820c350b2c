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
           "h?X-Amz-Signature=hunter2hunter2hunter2",
           "h?pass%77ord=hunter2",
           "h#password=hunter2",
           "requirepass=hunter2",
           "nats://hunter2@h:4222",
           "nats://a:4222,nats://hunter2@b:4222",
           "https://gAhunter27hG5s0Kq1x2@h/path",
           "https://gAhunter27hG5s0Kq1x2:@h/path",
           "NATS://hunter2@h",
           "redis://h?db_pass=hunter2",
           "redis://h?dbPass=hunter2",
           "redis://h?auth_pass=hunter2",
           "redis://h?pw=hunter2",
           "redis://h?passw=hunter2",
           "redis://h?password2=hunter2",
           "redis://h?jwt=eyJhunter2",
           "redis://h?authorization=Bearer hunter2",
           "redis://h?secret_id=hunter2",
           "redis://h?password=${env:P}hunter2",
           "redis://u:${env:P}hunter2@h",
           "redis://u%3Ahunter2@h",
           "redis://h?password%3Dhunter2",
           "redis://:hunter2/ss@h",
           "redis://ann:hunter2?ss@h:6379",
           "host: a, password: hunter2",
           "host:a,password:hunter2",
           "host=h password='hunter2'",
           "h?storage_key=cfcd208495d565ef66e7dff9f98764da",
           "h?storage_key=0123hunter2a45b6c7d8e9f0",
           "postgresql://gAhunter27hG5s0Kq1x2@db/app",
           "h?storage_key=gAhunter27hG5s0Kq1x2",
           "h?SharedKey=hunter2",
           "host: a, password:12345",
           "password:12345",
           "sasl.password:12345,h:9092",
           "db_pass:12345",
           "redis://ann:12345/ss@h:6379",
           "redis://:12345/ss@h:6379/0",
           "redis://ann:1234567/ss@h",
           "redis://u%253Ahunter2@h",
           "redis://h?pass%2577ord=hunter2",
           "redis://h?password%25253Dhunter2",
           "h?dedup_token=gAhunter27hG5s0Kq1x2",
           R"({"host": "db", "password": "hunter2"})",
           R"({"pass\u0077ord": "hunter2"})",
           R"([{"auth": {"sasl": [{"api-key": "hunter2"}]}}])",
           R"({"pin": {"token": 1234}})",
           R"({"password": ["hunter2"]})",
           R"({"password": {"value": "hunter2"}})",
           R"({"secrets": {"a": {"token": [[7]]}}})",
           R"({"headers": {"Authorization": "Bearer hunter2"}})",
           R"({password: "hunter2"})",
           R"( {"urls": ["nats://a", "redis://:hunter2@b"]})",
       }) {
    const auto found = FindLiteralSecret(text);
    EXPECT_TRUE(found) << text;
    if (!found) continue;
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
           "https://medium.com/@ann",
           "nats://h/x@y",
           "redis://h:6379/0?client_name=ann@example.com",
           "redis://[::1]/0?client_name=ann@example.com",
           "redis://${env:HOST}:${env:PORT}/0?client_name=ann@example.com",
           "jdbc:postgresql://h:5432/app?ApplicationName=a@b",
           "mongodb://h1:27017,h2:27017/app?appName=x@y",
           "host=h sslkey=/run/secrets/Db1_client_key",
           "postgres://ServiceAccountProd01@h/db",
           "h?auth=false&use_token=True&password=none",
           "host=h password='' user=ann",
           "host=h password='${env:P}'",
           "https://admin@clickhouse:8443",
           "https://auth:8443/x",
           "kafka-auth:9092,kafka-token:9092",
           "ssl.client.auth=required",
           "forgot-password:8080,password.example.com:8443",
           "password:8443/x",
           "https://password:8443",
           "redis://h:6379/x@y",
           "redis://h:6379/x@v1.2:beta",
           "https://h/100%2525?a=b%2540c",
           "h?dedup_token=orderId&idempotency-token=request_id",
           "arn:aws:secretsmanager:eu-west-1:1234:secret:orders",
           "h?authorization=Bearer ${env:TOKEN}",
           R"({"auth": {"user": "ann", "password": "${env:PG}"}})",
           R"({"Authorization": "Bearer ${env:TOKEN}", "token": {"value": "${env:T}"}})",
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
           {"headers", "Authorization: Bearer hunter2", true},
           {"db_pass", "hunter2", true},
           {"pw", "hunter2", true},
           {"jwt", "hunter2", true},
           {"authorization", "Bearer hunter2", true},
           {"password", "${env:PASSWORD}hunter2", true},
           {"password", R"(["hunter2"])", true},
           {"authorization", "Bearer ${env:TOKEN}", false},
           {"bypass", "hunter2", false},
           {"compass", "north", false},
           {"webhook", "https://medium.com/@ann", false},
           {"to", "mailto:ann@example.com", false},
           {"routing_key", "OrdersCreatedV2Events", false},
           {"partition_key", "CustomerOrderNumber2024", false},
           {"auth", "false", false},
           {"use_token", "true", false},
           {"dedup_token", "orderId", false},
           {"dedupToken", "gAhunter27hG5s0Kq1x2", true},
           {"token", "orderId", true},
           {"signature", "sha256", false},
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
