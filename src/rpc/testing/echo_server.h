// For tests: the server with its sockets on one shard, in front of an EchoDispatcher.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

#include "base/testing/temp_directory.h"
#include "rpc/net/call_server.h"
#include "rpc/testing/echo_dispatcher.h"
#include "runtime/sync_wait.h"

namespace prism::rpc::testing {

// Life cycle: Start, with limits_ as they are then; the end of the test lets go and stops
// everything. Thread rule: the dispatcher belongs to the shard: look at it by OnShard.
class EchoServerTest : public ::testing::Test {
 protected:
  EchoServerTest() { EXPECT_TRUE(shards_.Start()); }
  void TearDown() override {
    Release();
    server_.reset();
    shards_.Stop();
  }

  void Start(std::string_view address = "127.0.0.1:0") {
    server_ = std::make_unique<CallServer>(shards_, dispatcher_, limits_);
    auto bound = server_->Listen(address);
    ASSERT_TRUE(bound) << bound.error().ToString();
    address_ = *bound;
  }
  std::string SocketAddress() const { return "unix:" + directory_.File("socket"); }

  template <class F>
  auto OnShard(F fn) {
    return runtime::RunOn(shards_.at(0), [&]() { return Run(fn); });
  }
  void Release() {
    OnShard([&] {
      dispatcher_.Release();
      return 0;
    });
  }
  void AwaitStarted(int calls) {
    while (OnShard([&] { return dispatcher_.started; }) < calls) std::this_thread::yield();
  }

  const base::testing::TempDirectory directory_;
  ServerLimits limits_;
  runtime::ShardPool shards_{1};
  EchoDispatcher dispatcher_;
  std::unique_ptr<CallServer> server_;
  std::string address_;

 private:
  template <class F>
  static runtime::Task<std::invoke_result_t<F&>> Run(F& fn) {
    co_return fn();
  }
};

}  // namespace prism::rpc::testing
