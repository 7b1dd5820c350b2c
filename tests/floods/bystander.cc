#include "tests/floods/bystander.h"

#include <algorithm>
#include <utility>

#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kCallLimit{20'000};

}  // namespace

double Latencies::Quantile(double share) const {
  if (milliseconds.empty()) return 0;
  std::vector<double> sorted = milliseconds;
  std::ranges::sort(sorted);
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

Bystanders::Bystanders(const rpc::ChannelOptions& server, int clients,
                       std::chrono::milliseconds interval) {
  for (int i = 0; i < clients; ++i) {
    threads_.emplace_back([this, server, interval] { Run(server, interval); });
  }
}

Bystanders::~Bystanders() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
}

// False: it is over.
bool Bystanders::WaitUntil(Clock::time_point due) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_until(lock, due, [this] { return stop_; });
}

Latencies Bystanders::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(latencies_, {});
}

void Bystanders::Run(const rpc::ChannelOptions& server, std::chrono::milliseconds interval) {
  rpc::Channel channel(server);
  keyvalue::v1::GetRequest request;
  request.set_namespace_("scratch");
  request.set_key("bystander");
  for (auto due = Clock::now(); WaitUntil(due); due += interval) {
    keyvalue::v1::GetResponse response;
    const auto called =
        channel.Call(kGetPath, request, response, {.timeout = kCallLimit, .metadata = {}});
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - due).count();
    const std::lock_guard lock(mutex_);
    latencies_.milliseconds.push_back(took);
    if (called || called.error().code() == Code::kNotFound) continue;
    if (latencies_.failures++ == 0) latencies_.first_failure = called.error().ToString();
  }
}

}  // namespace prism::floods
