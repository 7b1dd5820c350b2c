#include "backends/redis/redis_connection.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include "backends/driver/dial.h"

namespace prism::backends {
namespace {

std::uint64_t RandomBits() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint64_t>()(device);
}

Error Silent(MonoNanos timeout) {
  return Error(Code::kUnavailable, "BACKEND_SILENT",
               fmt::format("the Redis server has said nothing for {} s while requests wait: it "
                           "hangs, or the network between drops what it says",
                           timeout / kNanosPerSecond));
}

Error NoLogin(const RedisOptions& options) {
  return Error(Code::kUnavailable, "BACKEND_UNREACHABLE",
               fmt::format("{} takes connections, but did not answer the login within {} ms: check "
                           "that it is a Redis server, and whether it wants TLS",
                           options.target.ToString(), options.connect_timeout / kNanosPerMilli))
      .With("address", options.target.ToString());
}

}  // namespace

RedisConnection::RedisConnection(runtime::Shard& shard, runtime::BlockingPool& pool,
                                 const RedisOptions& options, RedisCredentialSource credentials,
                                 DriverCounters& counters)
    : shard_(shard),
      pool_(pool),
      options_(options),
      credential_source_(std::move(credentials)),
      counters_(counters),
      pipeline_(options.limits, counters),
      lost_(shard) {
  group_.Spawn(Run());
}

RedisConnection::~RedisConnection() = default;

const Error* RedisConnection::trouble() const {
  return logged_in_ || !health_.last_failure() ? nullptr : &health_.last_failure()->error;
}

Status RedisConnection::Add(PipelinedRequest& request, bool login) {
  if (stop_.cancelled()) return std::unexpected(ShuttingDown());
  if (login && loss_) return std::unexpected(*loss_);
  if (login) {
    pipeline_.AddLogin(request);
  } else {
    TRY(pipeline_.Add(request));
  }
  if (channel_ != nullptr) shard_.AtTurnEnd(*this);
  return {};
}

Executed RedisConnection::Forget(PipelinedRequest& request, RequestEnd how) {
  counters_.Ended(how);
  return pipeline_.Forget(request);
}

runtime::Task<void> RedisConnection::Stop() {
  stop_.Cancel(runtime::CancelReason::kShutdown);
  co_await group_.Join();
}

runtime::Task<void> RedisConnection::Run() {
  while (!stop_.cancelled()) {
    const Status opened = co_await Open();
    if (opened) {
      Serve();
      (void)co_await lost_.For(runtime::kNoDeadline, &stop_);
      if (pipeline_.answered() > answered_before_) backoff_.Reset();
    }
    if (stop_.cancelled()) break;
    const Error cause = loss_ ? *loss_ : opened.error();
    health_.Failed(cause, shard_.turn_time());
    Close(cause);
    if (!opened) {
      counters_.FailedToConnect();
      pipeline_.FailWaiting(BackendUnavailable(cause, Executed::kNo), RequestEnd::kUnreached);
    }
    const MonoNanos next = shard_.turn_time() + backoff_.Next(RandomBits());
    (void)co_await runtime::SleepUntil(shard_, next, &stop_);
  }
  Close(ShuttingDown());
  pipeline_.FailWaiting(ShuttingDown(), RequestEnd::kStopped);
}

void RedisConnection::Serve() {
  logged_in_ = true;
  answered_before_ = pipeline_.answered();
  counters_.Opened();
  health_.Worked(shard_.turn_time());
  pipeline_.Open();
  shard_.AtTurnEnd(*this);
}

void RedisConnection::Close(const Error& cause) {
  if (std::exchange(logged_in_, false)) counters_.Closed();
  pipeline_.Lose(cause);
  channel_.reset();
}

runtime::Task<Status> RedisConnection::Open() {
  Status connected = co_await Connect();
  if (connected || !IsLoginRefused(connected.error())) co_return connected;
  auto read = co_await ReadCredentials();
  CO_TRY_ASSIGN(const bool changed, std::move(read));
  if (!changed) co_return connected;
  Close(connected.error());
  co_return co_await Connect();
}

runtime::Task<Status> RedisConnection::Connect() {
  loss_.reset();
  lost_.Reset();
  if (!credentials_) {
    const auto read = co_await ReadCredentials();
    if (!read) co_return std::unexpected(read.error());
  }
  const MonoNanos deadline = MonotonicNow() + options_.connect_timeout;
  auto dialed = co_await Dial(&shard_, &pool_, options_.target, deadline, &stop_);
  CO_TRY_ASSIGN(base::UniqueFd fd, std::move(dialed));
  auto made = co_await MakeTls();
  CO_TRY_ASSIGN(std::unique_ptr<rpc::TlsClient> tls, std::move(made));

  pipeline_.Begin();
  channel_ = std::make_unique<SocketChannel>(shard_, std::move(fd), std::move(tls),
                                             static_cast<ChannelListener&>(*this));
  last_progress_ = shard_.turn_time();
  CO_TRY(channel_->Start());
  Status logged_in = co_await LogIn(deadline);
  if (!logged_in && !loss_ && logged_in.error().code() == Code::kDeadlineExceeded) {
    co_return std::unexpected(NoLogin(options_));
  }
  co_return logged_in;
}

runtime::Task<Status> RedisConnection::LogIn(MonoNanos deadline) {
  const RedisCredentials& credentials = *credentials_;
  StatusReply done;
  if (!credentials.password.empty()) {
    const bool named = !credentials.username.empty();
    const std::array<RespArgument, 3> auth = {
        RespArgument{"AUTH"}, RespArgument{named ? credentials.username : credentials.password},
        RespArgument{credentials.password}};
    const RespCommand command = RespCommand(auth).first(named ? 3 : 2);
    Status said = co_await Call(command, done, deadline, &stop_).AsLogin();
    CO_TRY(std::move(said));
  }
  if (options_.database != 0) {
    const std::string number = std::to_string(options_.database);
    const std::array<RespArgument, 2> select = {RespArgument{"SELECT"}, RespArgument{number}};
    Status said = co_await Call(select, done, deadline, &stop_).AsLogin();
    CO_TRY(std::move(said));
  }
  // Also shows that what answers is a Redis server which lets us in.
  const std::array<RespArgument, 3> name = {RespArgument{"CLIENT"}, RespArgument{"SETNAME"},
                                            RespArgument{options_.client_name}};
  Status said = co_await Call(name, done, deadline, &stop_).AsLogin();
  // A name is a courtesy: users without the right to it do as well.
  if (!said && said.error().reason() == "BACKEND_PERMISSION_DENIED") said = {};
  co_return said;
}

runtime::Task<Result<bool>> RedisConnection::ReadCredentials() {
  const RedisCredentialSource* source = &credential_source_;
  auto ran = co_await pool_.Run([source] { return (*source)(); });
  CO_TRY_ASSIGN(Result<RedisCredentials> read, std::move(ran));
  CO_TRY_ASSIGN(RedisCredentials credentials, std::move(read));
  const bool changed = credentials_ != credentials;
  credentials_ = std::move(credentials);
  co_return changed;
}

runtime::Task<Result<std::unique_ptr<rpc::TlsClient>>> RedisConnection::MakeTls() {
  if (!options_.tls) co_return std::unique_ptr<rpc::TlsClient>();
  const RedisOptions* options = &options_;
  // It reads files.
  auto ran = co_await pool_.Run([options] {
    const rpc::ClientTarget& target = options->target;
    return rpc::TlsClient::Make(*options->tls, target.is_unix() ? "localhost" : target.host, "");
  });
  if (!ran) co_return std::unexpected(std::move(ran).error());
  co_return *std::move(ran);
}

void RedisConnection::Fail(Error why) {
  if (loss_) return;
  channel_->Close();
  loss_ = std::move(why);
  if (std::exchange(logged_in_, false)) counters_.Closed();
  pipeline_.Lose(*loss_);
  lost_.Set();
}

void RedisConnection::OnBytes(std::string_view bytes) {
  last_progress_ = shard_.turn_time();
  if (Status received = pipeline_.Receive(bytes); !received) {
    return Fail(std::move(received).error());
  }
  if (logged_in_) health_.Worked(last_progress_);
  if (pipeline_.waiting() > 0) shard_.AtTurnEnd(*this);
}

void RedisConnection::Flush() {
  if (channel_ == nullptr || channel_->closed()) return;
  if (pipeline_.in_flight() == 0) last_progress_ = shard_.turn_time();
  while (true) {
    pipeline_.Fill();
    const std::string_view output = pipeline_.output();
    if (output.empty()) break;
    const std::size_t size = output.size();
    const std::size_t sent = channel_->Send(output);
    pipeline_.Sent(sent);
    if (sent < size) break;
  }
  if (pipeline_.in_flight() > 0 && !Timer::armed()) {
    shard_.ArmTimerAt(*this, last_progress_ + options_.silence_timeout);
  }
}

void RedisConnection::OnTimer() {
  if (channel_ == nullptr || channel_->closed() || pipeline_.in_flight() == 0) return;
  if (shard_.turn_time() - last_progress_ >= options_.silence_timeout) {
    return Fail(Silent(options_.silence_timeout));
  }
  shard_.ArmTimerAt(*this, last_progress_ + options_.silence_timeout);
}

}  // namespace prism::backends
