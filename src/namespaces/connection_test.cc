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
       }) {
    EXPECT_FALSE(FindLiteralSecret(text)) << text;
  }
}

}  // namespace
}  // namespace prism::namespaces
