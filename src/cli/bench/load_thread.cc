#include "cli/bench/load_thread.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace prism::cli {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr MonoNanos kDrainTime = 5 * kNanosPerSecond;
constexpr int kResourceExhausted = static_cast<int>(Code::kResourceExhausted);
constexpr int kUnavailable = static_cast<int>(Code::kUnavailable);

std::unique_ptr<LoadConnection> Make(const LoadOptions& options) {
  return std::make_unique<LoadConnection>(options.server, options.streams, options.tls,
                                          options.follow);
}

Error Void(std::string why) {
  return {Code::kInternal, "BENCH_VOID", fmt::format("the run is void: {}", why)};
}

}  // namespace

LoadThread::LoadThread(const LoadOptions& options, const Workload& workload, std::uint32_t index,
                       std::uint32_t connections)
    : options_(options),
      workload_(workload),
      picker_(workload, index + 1),
      read_buffer_(kReadBytes) {
  for (std::uint32_t i = 0; i < connections; ++i) {
    connections_.push_back(Make(options));
  }
  if (options.rate > 0) {
    const double share = static_cast<double>(connections) / options.connections;
    interval_ = static_cast<double>(kNanosPerSecond) / (options.rate * share);
  }
}

LoadThread::~LoadThread() {
  if (epoll_ >= 0) ::close(epoll_);
}

Status LoadThread::Connect() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  for (auto& connection : connections_) TRY(ConnectOne(*connection));
  return {};
}

Status LoadThread::ConnectOne(LoadConnection& connection) {
  TRY(connection.Connect());
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd(), &event);
  return {};
}

// A server that drains has taken leave of the connection: its successor gets the next one.
Status LoadThread::Replace(LoadConnection* left) {
  for (auto& connection : connections_) {
    if (connection.get() != left) continue;
    connection = Make(options_);
    ++reconnects;
    return ConnectOne(*connection);
  }
  return {};
}

void LoadThread::SendAgain() {
  while (!again_.empty() && SendOne(again_.back().first, again_.back().second)) again_.pop_back();
}

void LoadThread::OnRefused(const BenchRequest& request, MonoNanos start) {
  ++refused;
  again_.emplace_back(request, start);
}

Status LoadThread::Prefill() {
  prefilling_ = true;
  sending_ = true;
  const std::uint32_t keys = workload_.options().keys;
  std::uint32_t sent = 0;
  while (prefilled_ < keys) {
    now_ = MonotonicNow();
    while (sent < keys && SendOne(workload_.Set(sent, true), now_)) ++sent;
    TRY(Pump(100));
  }
  prefilling_ = false;
  sending_ = false;
  return {};
}

Status LoadThread::Run(const RunClock& clock) {
  clock_ = clock;
  sending_ = true;
  now_ = MonotonicNow();
  next_arrival_ = static_cast<double>(now_);
  while (now_ < clock_.measure_until) {
    if (interval_ > 0) {
      FillOpenLoop(now_);
    } else {
      FillClosedLoop();
    }
    // Open loop polls: an arrival every few microseconds leaves no time to sleep precisely.
    TRY(Pump(interval_ > 0 ? 0 : 100));
  }
  sending_ = false;
  return Drain();
}

Status LoadThread::Drain() {
  const MonoNanos give_up = MonotonicNow() + kDrainTime;
  for (;;) {
    std::uint64_t left = again_.size();
    for (const auto& connection : connections_) left += connection->in_flight();
    if (left == 0) return {};
    if (MonotonicNow() > give_up)
      return std::unexpected(Void(fmt::format("{} requests got no answer", left)));
    TRY(Pump(100));
  }
}

void LoadThread::FillClosedLoop() {
  for (auto& connection : connections_) {
    while (connection->CanSend()) connection->Send(picker_.Next(), now_);
  }
}

void LoadThread::FillOpenLoop(MonoNanos now) {
  while (next_arrival_ <= static_cast<double>(now)) {
    // The arrival stays due when no stream is free: its latency counts from the scheduled time.
    if (!SendOne(picker_.Next(), static_cast<MonoNanos>(next_arrival_))) return;
    next_arrival_ += interval_;
  }
}

bool LoadThread::SendOne(const BenchRequest& request, MonoNanos start) {
  for (std::size_t tried = 0; tried < connections_.size(); ++tried) {
    LoadConnection& connection = *connections_[next_connection_];
    next_connection_ = (next_connection_ + 1) % connections_.size();
    if (!connection.CanSend()) continue;
    connection.Send(request, start);
    return true;
  }
  return false;
}

Status LoadThread::Pump(int wait_ms) {
  SendAgain();
  for (auto& connection : connections_) {
    if (connection->wants_write()) TRY(connection->Flush());
  }
  std::array<epoll_event, 256> ready;
  const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), wait_ms);
  now_ = MonotonicNow();
  for (int i = 0; i < count; ++i) {
    auto* connection = static_cast<LoadConnection*>(ready[static_cast<std::size_t>(i)].data.ptr);
    TRY(connection->Receive(read_buffer_, *this));
    if (failure_) return std::unexpected(*failure_);
    if (connection->has_left()) {
      TRY(Replace(connection));
      continue;
    }
    // The next requests leave at once, so that the server works while other connections are read.
    if (sending_ && !prefilling_ && interval_ == 0) {
      while (connection->CanSend()) connection->Send(picker_.Next(), now_);
    }
    if (connection->wants_write()) TRY(connection->Flush());
  }
  return {};
}

void LoadThread::OnOutcome(const BenchOutcome& outcome) {
  const int status = outcome.grpc_status;
  if (options_.count_shed && (status == kResourceExhausted || status == kUnavailable)) {
    if (now_ >= clock_.measure_from && now_ < clock_.measure_until) ++shed;
    return;
  }
  if (status != 0) {
    failure_ = Void(fmt::format("a request ended with grpc-status {}", status));
    return;
  }
  if (outcome.request.checked && !workload_.Matches(outcome.request, outcome.message)) {
    failure_ = Void("a response does not hold what was written");
    return;
  }
  if (prefilling_) {
    ++prefilled_;
    return;
  }
  if (now_ < clock_.measure_from || now_ >= clock_.measure_until) return;
  ++done;
  checked += outcome.request.checked ? 1 : 0;
  latency.Record(static_cast<std::uint64_t>(std::max<MonoNanos>(now_ - outcome.start, 0)));
}

}  // namespace prism::cli
