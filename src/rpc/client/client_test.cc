// The client against a server of another make (python3-grpcio), over real sockets.
#include "rpc/client/client.h"

#include <fcntl.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/client/client_connection.h"

namespace prism::rpc {
namespace {

using google::protobuf::BytesValue;

BytesValue Bytes(std::string content) {
  BytesValue value;
  value.set_value(std::move(content));
  return value;
}

bool Ended(const Result<bool>& read) { return read && !*read; }

// The Python server as a child process; it ends when its standard input is closed.
class Peer {
 public:
  explicit Peer(std::vector<std::string> arguments = {}) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    EXPECT_EQ(pipe2(input.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(output.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    std::vector<std::string> words = {"/usr/bin/python3", PRISM_CLIENT_PEER};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    FILE* lines = fdopen(output[0], "r");
    int port = 0;
    EXPECT_EQ(fscanf(lines, "%d", &port), 1) << "is python3-grpcio installed?";
    fclose(lines);
    target_ = "127.0.0.1:" + std::to_string(port);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { Stop(); }

  void Stop() {
    if (pid_ == 0) return;
    close(input_);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  const std::string& target() const { return target_; }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
  std::string target_;
};

class ClientTest : public testing::Test {
 protected:
  std::string Say(std::string_view method, std::string content, const CallOptions& options = {}) {
    BytesValue answer;
    Result<Reply> reply = channel_.Call(std::string("/test.Peer/").append(method),
                                        Bytes(std::move(content)), answer, options);
    return reply ? answer.value() : reply.error().ToString();
  }
  Peer peer_;
  Channel channel_{ChannelOptions{.target = peer_.target(), .token = "secret"}};
};

TEST_F(ClientTest, CallsAndGetsHeaders) {
  BytesValue answer;
  const std::string content("\0\xff binary", 9);
  Result<Reply> reply = channel_.Call("/test.Peer/Echo", Bytes(content), answer);
  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(answer.value(), content);
  EXPECT_EQ(reply->Header("prism-durability"), "fsynced");
  EXPECT_EQ(reply->Header("absent"), "");
}

TEST_F(ClientTest, CarriesLargeMessagesBothWays) {
  const std::string content(20 << 20, 'z');
  EXPECT_TRUE(Say("Echo", content) == content);
  EXPECT_EQ(Say("Echo", ""), "");
}

TEST_F(ClientTest, DecompressesAnswers) {
  EXPECT_TRUE(Say("Squeeze", "1000000") == std::string(1'000'000, 'x'));
}

TEST_F(ClientTest, BoundsWhatADecompressedMessageMayBe) {
  Channel small({.target = peer_.target(), .max_message_bytes = 100'000});
  BytesValue answer;
  Result<Reply> reply = small.Call("/test.Peer/Squeeze", Bytes("10000000"), answer);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason(), "MESSAGE_TOO_LARGE");
  EXPECT_TRUE(small.Call("/test.Peer/Echo", Bytes("still there"), answer));
}

TEST_F(ClientTest, SendsMetadataTokenAndDeadline) {
  CallOptions options;
  options.timeout = std::chrono::seconds(20);
  options.metadata = {{"x-request-id", "r-1"}, {"prism-raw-bin", std::string("\0\x01", 2)}};
  const std::string seen = Say("Metadata", "", options);
  EXPECT_NE(seen.find("x-request-id=r-1"), std::string::npos) << seen;
  EXPECT_NE(seen.find("authorization=Bearer secret"), std::string::npos) << seen;
  EXPECT_NE(seen.find("prism-raw-bin=b'\\x00\\x01'"), std::string::npos) << seen;
  EXPECT_NE(seen.find("time_left=19."), std::string::npos) << seen;
}

TEST_F(ClientTest, ReadsErrorsWithTheirDetails) {
  google::rpc::Status status;
  status.set_code(5);
  status.set_message("no such namespace");
  google::rpc::ErrorInfo info;
  info.set_reason("NAMESPACE_NOT_FOUND");
  info.set_domain("prism");
  (*info.mutable_metadata())["namespace"] = "nowhere";
  status.add_details()->PackFrom(info);
  BytesValue answer;
  Result<Reply> reply = channel_.Call("/test.Peer/Fail", Bytes(status.SerializeAsString()), answer);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().ToString(), "NOT_FOUND/NAMESPACE_NOT_FOUND: no such namespace");
  ASSERT_EQ(reply.error().metadata().size(), 1u);
  EXPECT_EQ(reply.error().metadata()[0].second, "nowhere");
}

TEST_F(ClientTest, ReadsErrorsWithoutDetails) {
  EXPECT_EQ(Say("Fail", ""), "NOT_FOUND/NOT_FOUND: kein Schlüssel, 100% fehlt");
  EXPECT_TRUE(Say("Nothing", "").starts_with("UNIMPLEMENTED/UNIMPLEMENTED:"));
}

TEST_F(ClientTest, GivesUpAtTheDeadlineAndTellsTheServer) {
  CallOptions options;
  options.timeout = std::chrono::milliseconds(200);
  EXPECT_TRUE(Say("Wait", "", options).starts_with("DEADLINE_EXCEEDED/"))
      << Say("Wait", "", options);
  EXPECT_EQ(Say("WasCancelled", ""), "yes");
}

TEST_F(ClientTest, ReadsServerStreams) {
  Result<ClientStream> stream = channel_.Stream("/test.Peer/Count", Bytes("5000"));
  ASSERT_TRUE(stream);
  BytesValue item;
  for (int i = 0; i < 5000; ++i) {
    const Result<bool> more = stream->Read(item);
    ASSERT_TRUE(more && *more);
    ASSERT_EQ(item.value(), std::to_string(i));
  }
  EXPECT_TRUE(Ended(stream->Read(item)));
  EXPECT_TRUE(Ended(stream->Read(item))) << "the end stays the end";
}

TEST_F(ClientTest, StopsASenderThatNobodyReadsAndCancelsIt) {
  Result<ClientStream> stream = channel_.Stream("/test.Peer/Flood", Bytes(""));
  ASSERT_TRUE(stream);
  BytesValue item;
  ASSERT_TRUE(stream->Read(item).value_or(false));
  // A call beside the stream that nobody reads.
  EXPECT_EQ(Say("Echo", "beside"), "beside");
  stream->Cancel();
  EXPECT_EQ(stream->Read(item).error().code(), Code::kCancelled);
  EXPECT_EQ(Say("WasCancelled", ""), "yes");
}

TEST_F(ClientTest, AStreamCanEndWithAnErrorBehindItsMessages) {
  Result<ClientStream> stream = channel_.Stream("/test.Peer/BreakOff", Bytes(""));
  ASSERT_TRUE(stream);
  BytesValue item;
  ASSERT_TRUE(stream->Read(item).value_or(false));
  EXPECT_EQ(item.value(), "first");
  EXPECT_EQ(stream->Read(item).error().ToString(), "DATA_LOSS/DATA_LOSS: broken off");
}

TEST_F(ClientTest, TalksBothWays) {
  Result<ClientStream> stream = channel_.Start("/test.Peer/Chat");
  ASSERT_TRUE(stream);
  BytesValue answer;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream->Write(Bytes(std::to_string(i))));
    ASSERT_TRUE(stream->Read(answer).value_or(false));
    ASSERT_EQ(answer.value(), std::to_string(i));
  }
  ASSERT_TRUE(stream->WritesDone());
  EXPECT_TRUE(Ended(stream->Read(answer)));
}

TEST_F(ClientTest, ReportsALostServerAndNobodyListening) {
  ASSERT_EQ(Say("Echo", "x"), "x");
  peer_.Stop();
  EXPECT_TRUE(Say("Echo", "x").starts_with("UNAVAILABLE/")) << Say("Echo", "x");
  const std::string nobody = Say("Echo", "x");
  EXPECT_TRUE(nobody.starts_with("UNAVAILABLE/SERVER_UNREACHABLE")) << nobody;
  EXPECT_NE(nobody.find("prism serve"), std::string::npos) << nobody;
}

TEST(ClientConnectTest, GivesUpOnAServerThatSaysNothing) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string target = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  CallOptions options;
  options.timeout = std::chrono::milliseconds(100);
  BytesValue answer;
  Channel plain({.target = target});
  EXPECT_EQ(plain.Call("/a/B", Bytes(""), answer, options).error().reason(), "DEADLINE_EXCEEDED");
  Channel secret({.target = target, .tls = ClientTlsOptions{}});
  EXPECT_EQ(secret.Call("/a/B", Bytes(""), answer, options).error().reason(), "SERVER_UNREACHABLE");
  close(listener);
}

TEST(ClientConnectTest, SpeaksOverAUnixSocket) {
  const std::string path = testing::TempDir() + "prism-client-" + std::to_string(getpid());
  Peer peer({"--unix", path});
  Channel channel({.target = "unix:" + path});
  BytesValue answer;
  Result<Reply> reply = channel.Call("/test.Peer/Echo", Bytes("local"), answer);
  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(answer.value(), "local");
}

// An authority, a server and a client certificate, made by the openssl program.
class ClientTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "prism-tls-" + std::to_string(getpid());
    std::filesystem::create_directories(directory_);
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=authority"
        " -keyout ca.key -out ca.pem");
    MakeLeaf("server", "DNS:localhost,IP:127.0.0.1");
    MakeLeaf("client", "DNS:client");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void MakeLeaf(const std::string& name, const std::string& names) {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
        " -keyout " + name + ".key -out " + name + ".csr && printf 'subjectAltName=" + names +
        "' > " + name +
        ".ext && openssl x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile " +
        name + ".ext -in " + name + ".csr -out " + name + ".pem");
  }
  void Run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + directory_ + " && (" + command + ") 2>/dev/null").c_str()), 0)
        << command;
  }
  std::string File(const std::string& name) const { return directory_ + "/" + name; }
  std::string Echo(const std::string& target, ClientTlsOptions tls) {
    Channel channel({.target = target, .tls = std::move(tls)});
    BytesValue answer;
    const std::string content(3 << 20, 's');
    Result<Reply> reply = channel.Call("/test.Peer/Echo", Bytes(content), answer);
    if (!reply) return reply.error().ToString();
    return answer.value() == content ? "same" : "different";
  }

  std::string directory_;
};

TEST_F(ClientTlsTest, VerifiesTheServer) {
  Peer peer({"--tls", File("server.pem"), File("server.key")});
  EXPECT_EQ(Echo(peer.target(), {.ca_file = File("ca.pem")}), "same");
  EXPECT_EQ(Echo(peer.target(), {.ca_file = File("ca.pem"), .server_name = "localhost"}), "same");

  const std::string untrusted = Echo(peer.target(), {});
  EXPECT_TRUE(untrusted.starts_with("UNAVAILABLE/TLS_HANDSHAKE_FAILED")) << untrusted;
  const std::string other =
      Echo(peer.target(), {.ca_file = File("ca.pem"), .server_name = "elsewhere"});
  EXPECT_NE(other.find("hostname mismatch"), std::string::npos) << other;
  const std::string file = Echo(peer.target(), {.ca_file = File("nothing.pem")});
  EXPECT_TRUE(file.starts_with("FAILED_PRECONDITION/TLS_FILE_INVALID")) << file;
}

TEST_F(ClientTlsTest, ShowsItsCertificateWhenAsked) {
  Peer peer({"--tls", File("server.pem"), File("server.key"), File("ca.pem")});
  EXPECT_EQ(Echo(peer.target(), {.ca_file = File("ca.pem"),
                                 .cert_file = File("client.pem"),
                                 .key_file = File("client.key")}),
            "same");
  EXPECT_TRUE(Echo(peer.target(), {.ca_file = File("ca.pem")}).starts_with("UNAVAILABLE/"));
  EXPECT_TRUE(Echo(peer.target(), {.ca_file = File("ca.pem"), .cert_file = File("client.pem")})
                  .starts_with("INVALID_ARGUMENT/TLS_KEY_PAIR_INCOMPLETE"));
}

TEST_F(ClientTlsTest, PlaintextToATlsPortIsExplained) {
  Peer peer({"--tls", File("server.pem"), File("server.key")});
  Channel channel({.target = peer.target()});
  BytesValue answer;
  EXPECT_EQ(channel.Call("/test.Peer/Echo", Bytes(""), answer).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace prism::rpc
