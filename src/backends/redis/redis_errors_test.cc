#include "backends/redis/redis_errors.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace prism::backends {
namespace {

std::string_view Metadata(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.metadata()) {
    if (name == key) return value;
  }
  return {};
}

struct Case {
  std::string_view text;
  Code code;
  std::string_view reason;
};

TEST(RedisErrors, HaveAReasonEach) {
  const Case cases[] = {
      {"NOAUTH Authentication required.", Code::kFailedPrecondition, "BACKEND_LOGIN_REFUSED"},
      {"WRONGPASS invalid username-password pair or user is disabled.", Code::kFailedPrecondition,
       "BACKEND_LOGIN_REFUSED"},
      {"ERR AUTH <password> called without any password configured for the default user.",
       Code::kFailedPrecondition, "BACKEND_LOGIN_REFUSED"},
      {"NOPERM this user has no permissions to run the 'get' command", Code::kFailedPrecondition,
       "BACKEND_PERMISSION_DENIED"},
      {"WRONGTYPE Operation against a key holding the wrong kind of value",
       Code::kFailedPrecondition, "FOREIGN_TYPE"},
      {"LOADING Redis is loading the dataset in memory", Code::kUnavailable, "BACKEND_LOADING"},
      {"BUSY Redis is busy running a script.", Code::kUnavailable, "BACKEND_BUSY"},
      {"BUSYKEY Target key name already exists.", Code::kFailedPrecondition, "BACKEND_ERROR"},
      {"OOM command not allowed when used memory > 'maxmemory'.", Code::kResourceExhausted,
       "BACKEND_FULL"},
      {"READONLY You can't write against a read only replica.", Code::kUnavailable,
       "BACKEND_READ_ONLY"},
      {"MISCONF Redis is configured to save RDB snapshots", Code::kUnavailable,
       "BACKEND_NOT_PERSISTING"},
      {"NOREPLICAS Not enough good replicas to write.", Code::kUnavailable,
       "BACKEND_REPLICAS_MISSING"},
      {"MASTERDOWN Link with MASTER is down", Code::kUnavailable, "BACKEND_PRIMARY_DOWN"},
      {"MOVED 3999 127.0.0.1:6381", Code::kFailedPrecondition, "BACKEND_CLUSTER_UNSUPPORTED"},
      {"ASK 3999 127.0.0.1:6381", Code::kFailedPrecondition, "BACKEND_CLUSTER_UNSUPPORTED"},
      {"CLUSTERDOWN Hash slot not served", Code::kFailedPrecondition,
       "BACKEND_CLUSTER_UNSUPPORTED"},
      {"NOSCRIPT No matching script. Please use EVAL.", Code::kInternal, "BACKEND_SCRIPT_MISSING"},
      {"EXECABORT Transaction discarded because of previous errors.", Code::kInternal,
       "BACKEND_ERROR"},
      {"ERR max number of clients reached", Code::kUnavailable, "BACKEND_CONNECTIONS_EXHAUSTED"},
      {"ERR DB index is out of range", Code::kFailedPrecondition, "BACKEND_DATABASE_UNKNOWN"},
      {"ERR unknown command 'FOO', with args beginning with: ", Code::kFailedPrecondition,
       "BACKEND_VERSION_UNSUPPORTED"},
      {"ERR value is not an integer or out of range", Code::kFailedPrecondition, "FOREIGN_VALUE"},
      {"ERR something new", Code::kInternal, "BACKEND_ERROR"},
      {"", Code::kInternal, "BACKEND_ERROR"},
  };
  for (const Case& one : cases) {
    const Error error = RedisError(one.text);
    EXPECT_EQ(error.code(), one.code) << one.text;
    EXPECT_EQ(error.reason(), one.reason) << one.text;
    EXPECT_EQ(Metadata(error, "redis"), one.text.substr(0, one.text.find(' '))) << one.text;
    if (one.code == Code::kUnavailable) EXPECT_TRUE(error.retry_after()) << one.text;
  }
}

TEST(RedisErrors, NeverRepeatWhatTheServerQuotes) {
  for (const std::string_view text :
       {"ERR unknown command 'hunter2', with args beginning with: 'secret-key'",
        "NOPERM User secret-key has no permissions", "secret-key", "SECRET hunter2",
        "WRONGTYPE secret-key hunter2", "hunter2 secret-key"}) {
    const std::string said = RedisError(text).ToString();
    EXPECT_EQ(said.find("secret-key"), std::string::npos) << said;
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
    EXPECT_EQ(Metadata(RedisError(text), "redis").find("secret-key"), std::string_view::npos);
  }
}

TEST(RedisErrors, SayWhetherARequestMayHaveBeenExecuted) {
  const Error lost(Code::kUnavailable, "CONNECTION_LOST", "the connection is lost");
  const Error sent = BackendUnavailable(lost, Executed::kMaybe);
  EXPECT_EQ(sent.reason(), "BACKEND_UNAVAILABLE");
  EXPECT_EQ(Metadata(sent, "executed"), "maybe");
  EXPECT_EQ(Metadata(sent, "cause"), "CONNECTION_LOST");
  EXPECT_TRUE(sent.retry_after());
  EXPECT_EQ(Metadata(BackendUnavailable(lost, Executed::kNo), "executed"), "no");
  EXPECT_EQ(Metadata(BackendDeadline(&lost, Executed::kNo), "executed"), "no");
  EXPECT_NE(BackendDeadline(&lost, Executed::kNo).message().find("is lost"), std::string::npos);
  // What waiting does not help is said as it is.
  const Error refused = BackendUnavailable(RedisError("WRONGPASS no"), Executed::kNo);
  EXPECT_EQ(refused.reason(), "BACKEND_LOGIN_REFUSED");
}

}  // namespace
}  // namespace prism::backends
