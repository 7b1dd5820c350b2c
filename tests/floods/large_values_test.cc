// Clients that behave and have much to say, far more than may be held: all of them are served, and
// the memory stays bounded.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/rounds.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/client/client.h"
#include "rpc/client/client_http.h"
#include "rpc/client/client_session.h"
#include "rpc/client/client_status.h"
#include "tests/floods/frames.h"
#include "tests/floods/process_memory.h"
#include "tests/support/prism_process.h"

namespace prism::floods {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kValueBytes = 4u << 20;
constexpr int kKeys = 4;  // what is stored is not what this is about
constexpr milliseconds kCallLimit{240'000};
constexpr std::chrono::seconds kUploadLimit{240};

std::string Key(int client) { return fmt::format("large-{}", client % kKeys); }
std::string Value(int client) {
  return std::string(kValueBytes, static_cast<char>('a' + client % kKeys));
}

// A connection of HTTP/1.1, blocking unless asked otherwise.
class HttpClient {
 public:
  explicit HttpClient(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { ::close(fd_); }

  static std::string Request(std::string_view method, int client, std::string_view body) {
    return fmt::format(
        "{} /v1/scratch/keyvalue/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
        method, Key(client), body.size(), body);
  }

  int fd() const { return fd_; }
  // How much of it the socket took.
  std::size_t Send(std::string_view bytes, int flags = 0) const {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  bool SendAll(std::string_view bytes) const {
    while (!bytes.empty()) {
      const std::size_t sent = Send(bytes);
      if (sent == 0) return false;
      bytes.remove_prefix(sent);
    }
    return true;
  }
  // The whole answer; status 0: the connection ended, or the answer was none.
  rpc::HttpReply Receive() const {
    rpc::HttpResponseParser parser(2 * kValueBytes);
    std::string buffer(64 * 1024, '\0');
    for (;;) {
      pollfd polled{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&polled, 1, static_cast<int>(kCallLimit.count())) != 1) return {};
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      const auto count = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
      const auto whole = parser.Feed(std::string_view(buffer).substr(0, count), got <= 0);
      if (!whole || (!*whole && got <= 0)) return {};
      const bool bodiless = parser.reply().status == 204;
      if (*whole || bodiless) return std::move(parser.reply());
    }
  }

 private:
  int fd_;
};

// What the clients saw.
class Tally {
 public:
  void Count(bool ok, const std::string& what) {
    ++requests_;
    if (ok) return;
    const std::lock_guard lock(mutex_);
    if (failures_++ == 0) first_failure_ = what;
  }
  std::int64_t requests() const { return requests_; }
  void ExpectNoFailure() const {
    EXPECT_EQ(failures_, 0) << "of " << requests_ << ", the first: " << first_failure_;
  }

 private:
  std::atomic<std::int64_t> requests_ = 0;
  std::mutex mutex_;
  std::int64_t failures_ = 0;
  std::string first_failure_;
};

keyvalue::v1::SetRequest SetOf(int client) {
  keyvalue::v1::SetRequest request;
  request.set_namespace_("scratch");
  request.set_key(Key(client));
  request.set_value(Value(client));
  return request;
}

void CallOnce(rpc::Channel& channel, int client, Tally& tally) {
  const rpc::CallOptions options{.timeout = kCallLimit, .metadata = {}};
  keyvalue::v1::SetResponse set;
  const auto written = channel.Call(kSetPath, SetOf(client), set, options);
  tally.Count(written.has_value(), written ? "" : written.error().ToString());
  keyvalue::v1::GetRequest request;
  request.set_namespace_("scratch");
  request.set_key(Key(client));
  keyvalue::v1::GetResponse got;
  const auto read = channel.Call(kGetPath, request, got, options);
  tally.Count(read && got.value() == Value(client),
              read ? "another value" : read.error().ToString());
}

void PutAndGetOnce(const HttpClient& http, int client, Tally& tally) {
  if (!http.SendAll(HttpClient::Request("PUT", client, Value(client)))) {
    return tally.Count(false, "the connection broke");
  }
  const int put = http.Receive().status;
  tally.Count(put / 100 == 2, fmt::format("PUT: {}", put));
  if (!http.SendAll(HttpClient::Request("GET", client, {}))) {
    return tally.Count(false, "the connection broke");
  }
  const rpc::HttpReply got = http.Receive();
  tally.Count(got.status == 200 && got.body == Value(client), fmt::format("GET: {}", got.status));
}

class LargeValuesStress : public ::testing::Test {
 protected:
  void SetUp() override {
    gateway_.Start();
    rpc::Channel channel({.target = gateway_.data_address()});
    for (int key = 0; key < kKeys; ++key) {
      keyvalue::v1::SetResponse set;
      ASSERT_TRUE(channel.Call(kSetPath, SetOf(key), set));
    }
    idle_ = StatusBytes(gateway_.pid(), "VmRSS:");
    ResetPeak(gateway_.pid());
    start_ = Clock::now();
  }

  // So many at once, each with a thread.
  template <class Work>
  void Run(int clients, Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) threads.emplace_back([=] { work(i); });
  }

  void Judge(std::string_view what, int connections) {
    tally_.ExpectNoFailure();
    const std::uint64_t peak = StatusBytes(gateway_.pid(), "VmHWM:");
    const std::uint64_t grown = peak > idle_ ? peak - idle_ : 0;
    const std::uint64_t allowed = AllowedMemory(connections);
    fmt::print("{}: {} requests in {:.1f} s; RSS {:.0f} MB + {:.1f} MB (allowed {:.1f})\n", what,
               tally_.requests(), std::chrono::duration<double>(Clock::now() - start_).count(),
               static_cast<double>(idle_) / 1e6, static_cast<double>(grown) / 1e6,
               static_cast<double>(allowed) / 1e6);
    if (!kSanitized) {
      EXPECT_LE(grown, allowed) << what;
    }
  }

  testing::PrismProcess gateway_;
  Tally tally_;
  std::uint64_t idle_ = 0;
  Clock::time_point start_;
  const int rounds_ = static_cast<int>(base::Rounds(3, 100));
};

TEST_F(LargeValuesStress, CallsOfManyClients) {
  for (const int clients : {8, 32}) {
    Run(clients, [this](int client) {
      rpc::Channel channel({.target = gateway_.data_address()});
      for (int round = 0; round < rounds_; ++round) CallOnce(channel, client, tally_);
    });
    Judge(fmt::format("4 MiB by gRPC, {} clients", clients), clients);
  }
}

TEST_F(LargeValuesStress, ResourcesOfManyClients) {
  for (const int clients : {8, 32}) {
    Run(clients, [this](int client) {
      const HttpClient http(gateway_.data_address());
      for (int round = 0; round < rounds_; ++round) PutAndGetOnce(http, client, tally_);
    });
    Judge(fmt::format("4 MiB by HTTP/1.1, {} clients", clients), clients);
  }
}

// All requests of one connection come at the same time, a frame of each after the other.
TEST_F(LargeValuesStress, ManyCallsOnOneConnection) {
  constexpr int kCalls = 16;
  const HttpClient socket(gateway_.data_address());
  rpc::Http2ClientSession session;
  std::vector<std::int32_t> calls;
  for (int i = 0; i < kCalls; ++i) {
    const auto id = session.Open({{":method", "POST"},
                                  {":scheme", "http"},
                                  {":path", std::string(kSetPath)},
                                  {":authority", "localhost"},
                                  {"content-type", "application/grpc"},
                                  {"te", "trailers"}});
    ASSERT_TRUE(id);
    session.Write(*id, Framed(SetOf(i).SerializeAsString()));
    session.Finish(*id);
    calls.push_back(*id);
  }
  const auto all_closed = [&] {
    return std::ranges::all_of(calls, [&](std::int32_t id) { return session.Find(id)->closed; });
  };
  std::string buffer(64 * 1024, '\0');
  while (!all_closed()) {
    std::string out;
    ASSERT_TRUE(session.Produce(out, buffer.size()));
    if (!out.empty()) {
      ASSERT_TRUE(socket.SendAll(out));
    }
    pollfd polled{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    const int limit = out.empty() ? static_cast<int>(kCallLimit.count()) : 0;
    const int ready = ::poll(&polled, 1, limit);
    ASSERT_FALSE(ready == 0 && out.empty()) << "the server has stopped";
    if (ready == 0) continue;
    const ssize_t got = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
    ASSERT_GT(got, 0) << "the server has closed the connection";
    ASSERT_TRUE(session.Receive(std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
  }
  for (const std::int32_t id : calls) {
    const Status end = rpc::EndOfCall(*session.Find(id));
    tally_.Count(end.has_value(), end ? "" : end.error().ToString());
  }
  Judge("16 calls of 4 MiB on one connection", 1);
}

// Each brings 64 KB now and then, and all of them together far more than may be held.
TEST_F(LargeValuesStress, SlowUploads) {
  constexpr int kClients = 64;
  constexpr std::size_t kPart = 64 * 1024;
  constexpr milliseconds kEvery{20};
  struct Upload {
    std::unique_ptr<HttpClient> http;
    std::string request;
    std::size_t sent = 0;
  };
  std::vector<Upload> uploads;
  for (int i = 0; i < kClients; ++i) {
    uploads.push_back({.http = std::make_unique<HttpClient>(gateway_.data_address()),
                       .request = HttpClient::Request("PUT", i, Value(i))});
  }
  const auto deadline = Clock::now() + kUploadLimit;
  for (std::size_t left = 1; left > 0 && Clock::now() < deadline;) {
    left = 0;
    for (Upload& upload : uploads) {
      const auto part = std::string_view(upload.request).substr(upload.sent, kPart);
      if (!part.empty()) upload.sent += upload.http->Send(part, MSG_DONTWAIT);
      left += upload.request.size() - upload.sent;
    }
    testing::LetRun(kEvery);
  }
  for (const Upload& upload : uploads) {
    const bool sent = upload.sent == upload.request.size();
    const int status = sent ? upload.http->Receive().status : 0;
    tally_.Count(status / 100 == 2,
                 fmt::format("{} bytes were taken, then {}", upload.sent, status));
  }
  Judge("64 slow uploads of 4 MiB", kClients);
}

}  // namespace
}  // namespace prism::floods
