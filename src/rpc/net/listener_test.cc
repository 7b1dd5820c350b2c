#include "rpc/net/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/testing/temp_directory.h"
#include "runtime/sync_wait.h"

namespace prism::rpc {
namespace {

using namespace std::chrono_literals;

runtime::Task<Status> StartOn(Listener& listener) { co_return listener.Start(); }
runtime::Task<void> StopOn(Listener& listener) {
  listener.Stop();
  co_return;
}

std::chrono::nanoseconds CpuUsed() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

// Takes every descriptor that the process may still have; gives them back at the end.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(STDERR_FILENO); fd >= 0; fd = ::dup(STDERR_FILENO)) taken_.push_back(fd);
  }
  ~NoDescriptors() {
    for (const int fd : taken_) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

int Connect(int fd, const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::uint16_t port = 0;
  std::from_chars(address.data() + address.rfind(':') + 1, address.data() + address.size(), port);
  to.sin_port = htons(port);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

TEST(Listener, WaitsForDescriptorsWithoutBurningTheProcessor) {
  runtime::ShardPool shards(1);
  ASSERT_TRUE(shards.Start());
  auto socket = ListenSocket::Open("127.0.0.1:0");
  ASSERT_TRUE(socket) << socket.error().ToString();
  std::atomic<int> accepted = 0;
  std::atomic<int> shortages = 0;
  Listener listener(
      shards.at(0), *std::move(socket),
      [&](int fd, const std::string&) {
        ::close(fd);
        ++accepted;
      },
      [&] {
        ++shortages;
        shortages.notify_all();
      });
  ASSERT_TRUE(runtime::RunOn(shards.at(0), [&] { return StartOn(listener); }));

  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  {
    const NoDescriptors none;
    const auto cpu_before = CpuUsed();
    const auto before = std::chrono::steady_clock::now();
    for (const int client : clients) EXPECT_EQ(Connect(client, listener.address()), 0);
    for (int seen = shortages; seen < 6; seen = shortages) shortages.wait(seen);
    const auto cpu = CpuUsed() - cpu_before;
    const auto waited = std::chrono::steady_clock::now() - before;
    // Five pauses; a loop that asked again at once would have used all of this time, or none.
    EXPECT_GE(waited, 450ms);
    EXPECT_LT(cpu, waited / 4);
    EXPECT_EQ(accepted, 0);
  }
  while (accepted < 3) std::this_thread::yield();

  runtime::RunOn(shards.at(0), [&] { return StopOn(listener); });
  for (const int client : clients) ::close(client);
  shards.Stop();
}

class UnixSocketTest : public ::testing::Test {
 protected:
  std::string Reason(const std::string& address) {
    auto socket = ListenSocket::Open(address);
    return socket ? "" : std::string(socket.error().reason());
  }

  base::testing::TempDirectory directory_;
};

TEST_F(UnixSocketTest, AFileThatIsNoSocketIsNeverRemoved) {
  const std::filesystem::path file = directory_.File("precious");
  std::ofstream(file) << "data";
  EXPECT_EQ(Reason("unix:" + file.string()), "ADDRESS_IN_USE");
  EXPECT_EQ(std::filesystem::file_size(file), 4u);
}

TEST_F(UnixSocketTest, WhatACrashLeftIsReplacedAndALiveOneIsNot) {
  const std::string address = "unix:" + directory_.File("socket");
  {
    auto live = ListenSocket::Open(address);
    ASSERT_TRUE(live) << live.error().ToString();
    EXPECT_EQ(Reason(address), "ADDRESS_IN_USE");
    // A crash closes the descriptor and leaves the file.
    std::filesystem::rename(directory_.File("socket"), directory_.File("left"));
  }
  std::filesystem::rename(directory_.File("left"), directory_.File("socket"));
  EXPECT_EQ(Reason(address), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.File("socket")));
}

TEST_F(UnixSocketTest, MistakesAreSaid) {
  EXPECT_EQ(Reason("unix:" + directory_.File("none/socket")), "ADDRESS_UNAVAILABLE");
  EXPECT_EQ(Reason("unix:"), "BAD_ADDRESS");
  EXPECT_EQ(Reason("unix:/" + std::string(200, 'x')), "BAD_ADDRESS");
  EXPECT_EQ(Reason("::1:80"), "BAD_ADDRESS");
  EXPECT_EQ(Reason("127.0.0.1:"), "BAD_ADDRESS");
  EXPECT_EQ(Reason("127.0.0.1:65536"), "BAD_ADDRESS");
  EXPECT_EQ(Reason("127.0.0.1:http"), "BAD_ADDRESS");
  EXPECT_EQ(Reason("127.0.0.1"), "BAD_ADDRESS");
}

TEST(ListenSocket, AdoptsOnlyWhatListens) {
  const int plain = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_FALSE(ListenSocket::Adopt(plain));
  ASSERT_EQ(::listen(plain, 1), 0);
  auto adopted = ListenSocket::Adopt(plain);
  ASSERT_TRUE(adopted) << adopted.error().ToString();
  EXPECT_TRUE(adopted->address().starts_with("0.0.0.0:"));
}

}  // namespace
}  // namespace prism::rpc
