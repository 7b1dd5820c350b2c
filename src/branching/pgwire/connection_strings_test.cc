// What libpq, the real one, sends for the connection strings that people are told to use, and what
// it makes of our answers.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/messages.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/startup_parser.h"

namespace prism::branching {
namespace {

constexpr int kPatience = 30'000;  // milliseconds

// A listener on loopback and one libpq connection to it, both driven by the test.
class Conversation {
 public:
  explicit Conversation(const std::string& connection_string) {
    base::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener.get(), name, size), 0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(getsockname(listener.get(), name, &size), 0);
    const std::string port = std::to_string(ntohs(address.sin_port));
    // What comes after the string overrides where it points to.
    const std::array<const char*, 5> names{"dbname", "hostaddr", "port", "gssencmode", nullptr};
    const std::array<const char*, 5> values{connection_string.c_str(), "127.0.0.1", port.c_str(),
                                            "disable", nullptr};
    client_.reset(PQconnectStartParams(names.data(), values.data(), 1));
    PQsetNoticeProcessor(
        client_.get(),
        [](void* notices, const char* text) { static_cast<std::string*>(notices)->append(text); },
        &notices_);
    server_ = base::UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_GE(server_.get(), 0) << PQerrorMessage(client_.get());
  }

  // Lets the client talk until it has said what it wants. Encryption is declined.
  StartupMessage ReadStartup() {
    StartupParser parser(StartupParser::Transport::kTcp);
    while (Wait()) {
      std::array<char, 4096> buffer{};
      const ssize_t count = recv(server_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count <= 0) continue;
      const auto [consumed, step] = parser.Feed({buffer.data(), static_cast<std::size_t>(count)});
      EXPECT_EQ(consumed, static_cast<std::size_t>(count));
      if (std::holds_alternative<StartupParser::SslRequest>(step)) {
        asked_for_tls_ = true;
        Answer("N");
      }
      if (const auto* message = std::get_if<StartupMessage>(&step)) return *message;
    }
    ADD_FAILURE() << "no startup message: " << PQerrorMessage(client_.get());
    return {};
  }
  void Answer(std::string_view bytes) {
    EXPECT_EQ(send(server_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Until the client is connected or has given up.
  PGconn* Finish() {
    while (status_ != PGRES_POLLING_OK && status_ != PGRES_POLLING_FAILED && Wait()) {
    }
    return client_.get();
  }
  bool asked_for_tls() const { return asked_for_tls_; }
  const std::string& notices() const { return notices_; }

 private:
  struct Finisher {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  // For something to do; lets the client do its part. False: nothing happens any more.
  bool Wait() {
    const bool reading = status_ == PGRES_POLLING_READING;
    std::array<pollfd, 2> polled{{
        {.fd = PQsocket(client_.get()),
         .events = static_cast<short>(reading ? POLLIN : POLLOUT),
         .revents = 0},
        {.fd = server_.get(), .events = POLLIN, .revents = 0},
    }};
    if (status_ == PGRES_POLLING_FAILED || poll(polled.data(), 2, kPatience) <= 0) return false;
    if (polled[0].revents != 0) status_ = PQconnectPoll(client_.get());
    return true;
  }

  std::string notices_;
  std::unique_ptr<PGconn, Finisher> client_;
  base::UniqueFd server_;
  PostgresPollingStatusType status_ = PGRES_POLLING_WRITING;
  bool asked_for_tls_ = false;
};

// "user/database -> branch" as the string means it to the proxy.
std::string Meaning(const std::string& connection_string) {
  Conversation conversation(connection_string);
  const auto request = ReadBranchRequest(conversation.ReadStartup(), {}, {});
  if (!request) return request.error().ToString();
  std::string meaning(request->message.user());
  meaning.append("/").append(request->message.database());
  if (request->branch) meaning.append(" -> ").append(request->branch->name());
  return meaning;
}

TEST(ConnectionStrings, OfTheDocumentation) {
  EXPECT_EQ(Meaning("host=localhost user=postgres@new-feature password=password dbname=postgres"),
            "postgres/postgres -> new-feature");
  EXPECT_EQ(Meaning("postgres://postgres%40new-feature:password@localhost:5432/postgres"),
            "postgres/postgres -> new-feature");
  EXPECT_EQ(Meaning("postgres://postgres:password@localhost:5432/postgres@new-feature"),
            "postgres/postgres -> new-feature");
  EXPECT_EQ(Meaning("host=localhost user=postgres@new-feature"),
            "postgres/postgres -> new-feature");
  EXPECT_EQ(Meaning("host=localhost port=5432 user=postgres@amazing-feature password=password "
                    "sslmode=disable"),
            "postgres/postgres -> amazing-feature");
}

TEST(ConnectionStrings, WithOptions) {
  EXPECT_EQ(Meaning("user=a dbname=d options='-c prism.branch=x -c geqo=off'"), "a/d -> x");
  EXPECT_EQ(Meaning("postgres://a@localhost/d?options=-c%20prism.branch%3Dx"), "a/d -> x");
  EXPECT_EQ(Meaning("user=a dbname=d"), "a/d");
}

// To libpq the first @ ends the user; what follows is a host and a port that can't be. Drivers that
// read URLs as browsers do take the last one, and send the user postgres@new-feature.
TEST(ConnectionStrings, AnAtInTheUserOfAUrlIsNotForLibpq) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse("postgres://postgres@new-feature:password@localhost:5432/postgres", nullptr),
      &PQconninfoFree);
  ASSERT_NE(options, nullptr);
  const auto value = [&](std::string_view keyword) {
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
      if (option->keyword == keyword) return std::string(option->val ? option->val : "");
    }
    return std::string("no such option");
  };
  EXPECT_EQ(value("user"), "postgres");
  EXPECT_EQ(value("host"), "new-feature");
  EXPECT_EQ(value("port"), "password@localhost:5432");
}

TEST(ConnectionStrings, TlsIsAskedForUnlessDisabled) {
  Conversation plain("user=a@x sslmode=disable");
  plain.ReadStartup();
  EXPECT_FALSE(plain.asked_for_tls());
  Conversation prefers("user=a@x sslmode=prefer");
  prefers.ReadStartup();
  EXPECT_TRUE(prefers.asked_for_tls());
}

TEST(ConnectionStrings, ReplicationIsSeen) {
  Conversation physical("user=a@x replication=yes");
  EXPECT_EQ(physical.ReadStartup().replication(), StartupMessage::Replication::kPhysical);
  Conversation logical("user=a@x dbname=d replication=database");
  EXPECT_EQ(logical.ReadStartup().replication(), StartupMessage::Replication::kLogical);
}

TEST(LibpqReads, EveryRefusal) {
  for (int i = 0; i < static_cast<int>(Refusal::kCount); ++i) {
    const RefusalRow& row = Describe(static_cast<Refusal>(i));
    Conversation conversation("user=a@x sslmode=disable");
    conversation.ReadStartup();
    const Error error = Refuse(row.refusal, "subject");
    std::string answer;
    AppendErrorResponse(answer, error);
    conversation.Answer(answer);
    const std::string_view shown = PQerrorMessage(conversation.Finish());
    EXPECT_NE(shown.find("FATAL:  " + error.message()), std::string_view::npos) << shown;
    EXPECT_NE(shown.find(row.hint), std::string_view::npos) << shown;
  }
}

TEST(LibpqReads, NoticesAndWhatIsSaidBeforeTheFirstQuery) {
  Conversation conversation("user=a@x sslmode=disable");
  conversation.ReadStartup();
  std::string answer;
  AppendAuthenticationOk(answer);
  AppendNoticeResponse(answer, {.severity = "NOTICE",
                                .sqlstate = "00000",
                                .message = "created x",
                                .detail = {},
                                .hint = {},
                                .reason = {}});
  AppendParameterStatus(answer, "server_version", "15.18");
  AppendBackendKeyData(answer, 4711, "key4");
  AppendReadyForQuery(answer, TransactionStatus::kIdle);
  conversation.Answer(answer);
  PGconn* connection = conversation.Finish();
  EXPECT_EQ(PQstatus(connection), CONNECTION_OK) << PQerrorMessage(connection);
  EXPECT_EQ(conversation.notices(), "NOTICE:  created x\n");
  EXPECT_EQ(PQbackendPID(connection), 4711);
  EXPECT_STREQ(PQparameterStatus(connection, "server_version"), "15.18");
}

}  // namespace
}  // namespace prism::branching
