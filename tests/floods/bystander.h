// Clients that behave, beside an attack: a Get now and then, and how long each took.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rpc/client/client.h"

namespace prism::floods {

struct Latencies {
  std::vector<double> milliseconds;
  std::int64_t failures = 0;
  std::string first_failure;

  // `share` of all calls took at most so long.
  double Quantile(double share) const;
};

// Each client has a connection of its own and calls on a schedule, whether or not the last answer
// was late: what waits is measured from when it was due. Life cycle: construct (starts), destroy
// (stops and joins). Thread rule: Take from one thread.
class Bystanders {
 public:
  Bystanders(const rpc::ChannelOptions& server, int clients, std::chrono::milliseconds interval);
  Bystanders(const Bystanders&) = delete;
  Bystanders& operator=(const Bystanders&) = delete;
  ~Bystanders();

  // What was measured since the last Take.
  Latencies Take();

 private:
  bool WaitUntil(std::chrono::steady_clock::time_point due);
  void Run(const rpc::ChannelOptions& server, std::chrono::milliseconds interval);

  std::mutex mutex_;
  Latencies latencies_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace prism::floods
