#include "branching/proxy/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "branching/pgwire/messages.h"
#include "branching/pgwire/refusal.h"
#include "branching/proxy/client_login.h"
#include "branching/proxy/proxy_shard.h"
#include "branching/proxy/relay.h"
#include "runtime/task_group.h"

namespace prism::branching {

using runtime::CancelReason;
using runtime::Task;

namespace {

// A client that waits longer is told what for.
constexpr MonoNanos kLongWait = kNanosPerSecond;
// So long a client may take to read why it was refused, and so much it may send meanwhile.
constexpr MonoNanos kLingerTime = kNanosPerSecond;
constexpr std::size_t kLingerBytes = std::size_t{64} * 1024;
// A server that is about to be ready says so (57P03): it is asked again until the hold is over.
constexpr std::string_view kNotReadyYet = "57P03";
constexpr MonoNanos kFirstRetry = 5 * kNanosPerMilli;
constexpr MonoNanos kLongestRetry = 100 * kNanosPerMilli;
constexpr MonoNanos kCancelTime = 10 * kNanosPerSecond;

// What nobody is to be told of, since there is nobody any more.
bool IsOfStream(const Error& error) {
  return error.reason() == "CONNECTION_LOST" || error.reason() == "TLS_FAILED";
}

// Of a server that will take the client soon: it starts, or more connect than its queue takes.
bool IsTransient(const Result<LoginOutcome>& outcome) {
  if (!outcome) return outcome.error().code() == Code::kResourceExhausted;
  const auto* refusal = std::get_if<ServerRefusal>(&*outcome);
  return refusal != nullptr && refusal->sqlstate == kNotReadyYet;
}

// The server found broken pages on its way (PostgreSQL documentation, appendix A: data_corrupted
// and index_corrupted). Not XX000, which is said of full disks too.
bool SaysDamage(const LoginOutcome& outcome) {
  const auto* refusal = std::get_if<ServerRefusal>(&outcome);
  return refusal != nullptr && (refusal->sqlstate == "XX001" || refusal->sqlstate == "XX002");
}

Error NotReady() {
  return {Code::kUnavailable, "SERVER_NOT_READY", "its server was not ready in time"};
}

Report Notice(std::string_view text) {
  return {.severity = "NOTICE",
          .sqlstate = "00000",
          .message = text,
          .detail = {},
          .hint = {},
          .reason = {}};
}

}  // namespace

Session::Session(ProxyShard& owner, base::UniqueFd fd, std::string peer, HelloRules rules)
    : owner_(owner),
      peer_(std::move(peer)),
      rules_(std::move(rules)),
      client_(owner.shard(), owner.buffers(), std::move(fd)),
      handshake_deadline_(MonotonicNow() + owner.context().limits.handshake_timeout) {
  owner_.Link(*this);
}

Session::~Session() {
  if (key_ != 0) owner_.RemoveKey(key_);
  owner_.Unlink(*this);
}

void Session::Leave() {
  if (relay_ != nullptr) return relay_->EndOutsideOfTransactions();
  if (!stranger_) End(CancelReason::kShutdown);
}

Until Session::InHandshake() { return {.deadline = handshake_deadline_, .cancel = &cancel_}; }

Task<void> Session::Run() {
  Status served = client_.Start();
  if (served) served = co_await Serve();
  if (!served) co_await Refuse(std::move(served).error());
}

// Says why, unless there is nobody to hear it.
Task<void> Session::Refuse(Error error) {
  const CancelReason cancelled = cancel_.reason();
  if (IsOfStream(error) || cancelled == CancelReason::kClientGone) co_return;
  if (cancelled == CancelReason::kShutdown) error = branching::Refuse(Refusal::kShuttingDown);
  owner_.context().counters.refused.fetch_add(1, std::memory_order_relaxed);
  owner_.context().logger.Info(
      "branch_client_refused",
      {{"peer", peer_}, {"reason", error.reason()}, {"message", error.message()}});
  // Nobody who understands our protocol is there.
  if (error.reason() == "BAD_PROXY_HEADER") co_return;
  std::string out;
  AppendErrorResponse(out, error);
  co_await SayLast(std::move(out));
}

// Unless the session is being ended already, that can still be done: a crowd of strangers that
// have been refused makes room for others too.
Until Session::ForLastWords() {
  return {.deadline = MonotonicNow() + kLingerTime,
          .cancel = cancel_.cancelled() ? nullptr : &cancel_};
}

Task<void> Session::SayLast(std::string message) {
  const Status told = co_await client_.Write(message, ForLastWords());
  if (told) co_await Linger();
}

// A socket that is closed while there is something to read resets the connection, and the client
// may lose what it was told.
Task<void> Session::Linger() {
  const Until until = ForLastWords();
  const Status ended = co_await client_.EndOutput(until);
  std::size_t dropped = 0;
  while (ended && dropped < kLingerBytes) {
    const auto rest = co_await client_.Read(until);
    if (!rest || rest->empty()) co_return;
    dropped += rest->size();
  }
}

Task<Status> Session::Serve() {
  std::string seen;
  if (rules_.balancers != nullptr && rules_.balancers->Contains(peer_)) {
    auto introduced = co_await ReceiveIntroduction(&client_, InHandshake());
    CO_TRY_ASSIGN(Introduction client, std::move(introduced));
    if (!client.peer.empty()) peer_ = std::move(client.peer);
    seen = std::move(client.seen);
  }
  auto received = co_await ReceiveHello(&client_, rules_, std::move(seen), InHandshake());
  CO_TRY_ASSIGN(Hello hello, std::move(received));
  if (std::holds_alternative<NoClient>(hello)) co_return Status();
  if (auto* request = std::get_if<StartupParser::Cancel>(&hello)) {
    co_return co_await PassCancel(std::move(*request));
  }
  co_return co_await ServeClient(std::get<ClientHello>(std::move(hello)));
}

Task<Status> Session::ServeClient(ClientHello hello) {
  if (owner_.draining()) co_return std::unexpected(branching::Refuse(Refusal::kShuttingDown));
  Status passed = co_await PassGate();
  CO_TRY(std::move(passed));
  const std::string& domain = owner_.context().naming.domain;
  std::string spelled(hello.startup.user());
  CO_TRY_ASSIGN(BranchRequest request,
                ReadBranchRequest(std::move(hello.startup), hello.server_name, domain));
  if (!request.branch) request.branch = owner_.context().naming.default_branch;
  if (!request.branch) co_return std::unexpected(branching::Refuse(Refusal::kNoBranchNamed));
  const StartupMessage& startup = request.message;
  if (startup.MustNegotiate()) {
    std::string out;
    AppendNegotiateProtocolVersion(out, startup.version(), startup.unknown_options());
    Status told = co_await client_.Write(out, InHandshake());
    CO_TRY(std::move(told));
  }
  MessageStream messages(client_, kMaxBodyOfStranger, std::move(hello.seen));
  auto known = co_await Authenticate(&request, std::move(spelled), &messages);
  CO_TRY_ASSIGN(std::string source, std::move(known));
  co_return co_await Connect(std::move(request), std::move(source), &messages);
}

// As long as the client waits, and no longer than for a branch.
Task<Status> Session::PassGate() {
  if (owner_.gate().open()) co_return Status();
  const ProxyLimits& limits = owner_.context().limits;
  runtime::CancelSource over;  // of the watch
  runtime::TaskGroup beside;
  handshake_deadline_ = MonotonicNow() + limits.hold_timeout;
  beside.Spawn(WatchClient(&over));
  Status passed = co_await owner_.gate().Pass(&cancel_);
  over.Cancel(CancelReason::kDeadline);
  co_await beside.Join();
  handshake_deadline_ = MonotonicNow() + limits.handshake_timeout;
  if (!passed && cancel_.reason() == CancelReason::kDeadline) {
    co_return std::unexpected(branching::Refuse(Refusal::kStartingUp));
  }
  co_return passed;
}

Task<Result<std::string>> Session::Authenticate(const BranchRequest* request, std::string spelled,
                                                MessageStream* messages) {
  std::string user(request->message.user());
  Login login = co_await owner_.context().host.FindLogin(*request->branch, request->from);
  const std::string end_point = client_.tls() != nullptr ? rules_.tls->end_point : "";
  const std::int64_t now = owner_.context().clock.Now() / 1000;
  LoginCheck check = login.roles->CheckOf(user, now);
  // An answer that nobody could check: the client hashes its password with the name that it gives.
  if (std::holds_alternative<Md5Verifier>(check) && user != spelled) {
    co_return std::unexpected(branching::Refuse(Refusal::kUnsupportedLogin, user));
  }
  auto asked = co_await AskPassword(&client_, messages, std::move(check), std::move(user),
                                    end_point, InHandshake());
  CO_TRY_ASSIGN(keys_, std::move(asked));
  if (!owner_.AdmitClient()) {
    co_return std::unexpected(branching::Refuse(Refusal::kTooManyConnections));
  }
  stranger_ = false;
  std::string out;
  AppendAuthenticationOk(out);
  Status told = co_await client_.Write(out, InHandshake());
  CO_TRY(std::move(told));
  co_return std::move(login.source);
}

// From a client that is known to one that is served.
Task<Status> Session::Connect(BranchRequest request, std::string source, MessageStream* messages) {
  if (owner_.draining()) co_return std::unexpected(branching::Refuse(Refusal::kShuttingDown));
  const MonoNanos begun = MonotonicNow();
  const std::uint32_t version = request.message.version();
  auto held = co_await Hold({.branch = *std::move(request.branch),
                             .from = std::move(request.from),
                             .ttl = request.ttl,
                             .user = std::string(request.message.user()),
                             .peer = peer_,
                             .source = std::move(source)},
                            std::move(request.message));
  CO_TRY_ASSIGN(Place place, std::move(held));
  if (auto* refusal = std::get_if<ServerRefusal>(&place.outcome)) {
    co_await SayLast(std::move(refusal->message));
    co_return Status();
  }
  owner_.NoteEntry(place.entrance->way(), MonotonicNow() - begun);
  co_return co_await Converse(place.entrance.get(),
                              std::get<ServerSession>(std::move(place.outcome)), version,
                              messages->TakeRest());
}

Task<Status> Session::Converse(const Entrance* entrance, ServerSession server,
                               std::uint32_t version, std::string to_server) {
  std::string out;
  for (const std::string& notice : entrance->notices()) AppendNoticeResponse(out, Notice(notice));
  out += server.greeting;
  CO_TRY_ASSIGN(const CancelKey key, owner_.MintKey(*this, version));
  key_ = key.process_id;
  target_ = {.socket_path = entrance->socket_path(),
             .process_id = server.process_id,
             .key = std::move(server.key)};
  AppendBackendKeyData(out, key.process_id, key.key);
  AppendReadyForQuery(out, TransactionStatus::kIdle);
  out += server.rest;
  Relay relay(client_, *server.stream, state_, cancel_);
  relay_ = &relay;
  co_await relay.Run(std::move(to_server), std::move(out));
  relay_ = nullptr;
  if (cancel_.reason() == CancelReason::kShutdown && relay.between_messages()) {
    std::string farewell;
    AppendErrorResponse(farewell, branching::Refuse(Refusal::kTerminated));
    co_await SayLast(std::move(farewell));
  }
  co_return Status();
}

// Waits for the branch and for its server, as long as the client does and the rules allow.
Task<Result<Session::Place>> Session::Hold(EntryRequest request, StartupMessage startup) {
  runtime::CancelSource over;  // of what waits beside
  runtime::TaskGroup beside;
  handshake_deadline_ = MonotonicNow() + owner_.context().limits.hold_timeout;
  beside.Spawn(WatchClient(&over));
  beside.Spawn(TellWhenLong(request.branch.name(), &over));
  auto placed = co_await FindPlace(std::move(request), std::move(startup));
  over.Cancel(CancelReason::kDeadline);
  co_await beside.Join();
  co_return placed;
}

Task<Result<Session::Place>> Session::FindPlace(EntryRequest request, StartupMessage startup) {
  const std::string branch = request.branch.name();
  auto entered = co_await owner_.context().host.Enter(std::move(request), &cancel_);
  CO_TRY_ASSIGN(auto entrance, std::move(entered));
  auto joined = co_await Join(entrance.get(), std::move(startup));
  if (joined && SaysDamage(*joined)) entrance->NoteDamage();
  if (joined) co_return Place{.entrance = std::move(entrance), .outcome = *std::move(joined)};
  if (cancel_.cancelled() || joined.error().code() == Code::kDeadlineExceeded) {
    co_return std::unexpected(branching::Refuse(Refusal::kBranchStarting, branch));
  }
  owner_.context().logger.Failure("branch_not_joined", joined.error());
  co_return std::unexpected(branching::Refuse(Refusal::kServerLost, branch));
}

Task<void> Session::WatchClient(runtime::CancelSource* over) {
  const Status gone =
      co_await client_.WaitUntilGone({.deadline = handshake_deadline_, .cancel = over});
  if (over->cancelled()) co_return;
  cancel_.Cancel(gone ? CancelReason::kClientGone : CancelReason::kDeadline);
}

Task<void> Session::TellWhenLong(std::string branch, runtime::CancelSource* over) {
  const MonoNanos long_wait = MonotonicNow() + kLongWait;
  const bool ended = co_await runtime::SleepUntil(owner_.shard(), long_wait, over);
  if (ended) co_return;
  std::string out;
  AppendNoticeResponse(out, Notice(fmt::format("waiting for branch \"{}\"", branch)));
  // A notice that has begun must be said to its end: what comes next would not be understood.
  const Status told = co_await client_.Write(out, InHandshake());
  if (!told) cancel_.Cancel(CancelReason::kClientGone);
}

// A server that is about to be ready is asked again.
Task<Result<LoginOutcome>> Session::Join(const Entrance* entrance, StartupMessage startup) {
  for (const StartupParameter& setting : entrance->settings()) startup.Add(setting);
  MonoNanos pause = kFirstRetry;
  while (true) {
    auto outcome = co_await LogInOnce(entrance, startup);
    if (!IsTransient(outcome)) co_return outcome;
    const MonoNanos next = MonotonicNow() + pause;
    const bool cancelled = co_await runtime::SleepUntil(owner_.shard(), next, &cancel_);
    if (cancelled) co_return std::unexpected(NotReady());
    pause = std::min(2 * pause, kLongestRetry);
  }
}

Task<Result<LoginOutcome>> Session::LogInOnce(const Entrance* entrance, StartupMessage startup) {
  CO_TRY_ASSIGN(auto stream,
                ConnectUnix(owner_.shard(), owner_.buffers(), entrance->socket_path()));
  co_return co_await LogIn(std::move(stream), std::move(startup), keys_, InHandshake());
}

// To the server of the session that the key belongs to. The client waits for the end of the
// connection, which tells it that the server has been told; it is answered nothing, whatever
// happens.
Task<Status> Session::PassCancel(StartupParser::Cancel request) {
  auto target = co_await owner_.FindCancelTarget(std::move(request));
  if (!target) co_return Status();
  owner_.context().counters.cancels.fetch_add(1, std::memory_order_relaxed);
  auto stream = ConnectUnix(owner_.shard(), owner_.buffers(), target->socket_path);
  if (!stream) {
    owner_.context().logger.Failure("cancel_not_passed", stream.error());
    co_return Status();
  }
  std::string out;
  AppendCancelRequest(out, target->process_id, target->key);
  const Until until{.deadline = MonotonicNow() + kCancelTime, .cancel = &cancel_};
  const Status sent = co_await (*stream)->Write(out, until);
  if (sent) (void)co_await (*stream)->Read(until);  // a server answers nothing, and closes
  co_return Status();
}

}  // namespace prism::branching
