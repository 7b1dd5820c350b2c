#include "rpc/net/socket_connection.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "rpc/net/peer_identity.h"
#include "rpc/net/server_shard.h"
#include "runtime/wait.h"

namespace prism::rpc {
namespace {

// Frames are produced in portions of this size, so that a reader who is slow costs no more memory
// than this plus one portion.
constexpr std::size_t kPortionBytes = 128 * 1024;
// Requests are taken by so much at a time: the most that one connection can ask for before others
// have their turn.
constexpr std::size_t kPieceBytes = 4 * 1024;
// While memory is short: a few bytes may be a call, which takes a hundred times as many.
constexpr std::size_t kRestrainedReadBytes = 2 * 1024;
constexpr std::size_t kRestrainedPieceBytes = 64;
// While others wait for the shard.
constexpr std::size_t kCrowdedPortionBytes = 16 * 1024;
// The timer of a connection does not run more often than this.
constexpr MonoNanos kShortestLook = 100 * kNanosPerMilli;
// What a peer sends after our last word is read and dropped for so long.
constexpr MonoNanos kLingerTime = kNanosPerSecond;
// And so much of it: more is no answer under way, but a peer that does not care.
constexpr std::size_t kLingerBytes = 1 << 20;
// A stream whose reader keeps up would hold the shard for ever; after this much the others have a
// turn.
constexpr int kPortionsPerTurn = 4;
// A peer that has closed its side may wait for answers, as `nc` does, or may have gone: TCP does
// not tell. So long it may have waited.
constexpr MonoNanos kHalfCloseTime = 10 * kNanosPerSecond;

}  // namespace

SocketConnection::SocketConnection(ServerShard& owner, int fd, std::string peer,
                                   std::unique_ptr<TlsSession> tls)
    : FairQueue::Entry(owner.shard().turn_time()),
      owner_(owner),
      fd_(fd),
      tls_(std::move(tls)),
      calls_(std::make_unique<CallConnection>(owner.calls(), static_cast<OutputListener&>(*this),
                                              std::move(peer))),
      last_read_(owner.shard().turn_time()),
      held_since_(last_read_),
      secure_(tls_ != nullptr) {
  if (calls_->peer().starts_with("unix:")) calls_->Identify(UnixIdentity(fd_));
}

SocketConnection::~SocketConnection() {
  CountFailure(TlsFailure::kGone);
  EndHandshake();
  // Calls that are still running must not find a connection that is half gone.
  calls_.reset();
  owner_.calls().memory().LetGo(own_bytes_);
  owner_.shard().Unwatch(fd_, *this);
  ::close(fd_);
}

bool SocketConnection::Start() {
  interest_ = EPOLLIN;
  if (!owner_.shard().Watch(fd_, interest_, *this)) return false;
  const ServerLimits& limits = owner_.calls().limits();
  if (limits.max_connection_age > 0)
    age_due_ = last_read_ + owner_.Jittered(limits.max_connection_age);
  next_look_ = runtime::kNoDeadline;
  LookBy(last_read_ +
         std::min({limits.handshake_timeout, limits.keepalive_time, limits.idle_timeout}));
  if (age_due_ != 0) LookBy(age_due_);
  return true;
}

void SocketConnection::OnOutput() {
  if (!writing_ && !lingering_) owner_.shard().AtTurnEnd(*this);
}

void SocketConnection::OnRoom() {
  if (lingering_) return;
  asked_least_ = AskedBytes();
  // It was not listened to.
  last_read_ = held_since_ = owner_.shard().turn_time();
  ping_sent_ = false;
  UpdateInterest();
}

bool SocketConnection::restrained() const {
  const MemoryTurns& memory = owner_.calls().memory();
  return memory.tight() && !memory.HasTurn(*calls_);
}

bool SocketConnection::MayRead() const {
  if (!owner_.calls().memory().tight()) [[likely]]
    return true;
  if (owner_.calls().memory().MayGrow(*calls_)) return true;
  return restrained() && AskedBytes() <= asked_least_ + MemoryTurns::kFreeBytes;
}

void SocketConnection::OnReady(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {
    // A client that refuses our certificate resets the connection behind its reason.
    if (tls_ != nullptr && !secured_) Read();
    return owner_.Close(*this);
  }
  if (lingering_) return Discard();
  if (half_closed_until_ != 0 && (events & EPOLLHUP) != 0) return owner_.Close(*this);
  ready_ |= events;
  if (owner_.crowded()) {
    owner_.Defer(*this);
  } else if (Serve()) {
    owner_.Charge(*this);
  }
}

bool SocketConnection::Serve() {
  const std::uint32_t events = std::exchange(ready_, 0) & (interest_ | EPOLLHUP);
  if (lingering_) return true;  // its turn came too late
  if ((events & EPOLLHUP) == 0 && !MayRead()) {
    OnOutput();  // which stops asking
  } else if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !Read()) {
    owner_.Close(*this);
    return false;
  }
  if ((events & EPOLLOUT) != 0) OnOutput();
  return true;
}

bool SocketConnection::Read() {
  if (!backlog_.empty()) {
    FeedBacklog();
    OnOutput();
    return true;
  }
  auto buffer = owner_.read_buffer();
  if (restrained()) buffer = buffer.first(kRestrainedReadBytes);
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return OnPeerEnd();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (tls_ == nullptr) {
    OnBytes(bytes);
  } else {
    OnCipher(bytes);
  }
  return true;
}

void SocketConnection::OnBytes(std::string_view plain) {
  last_read_ = owner_.shard().turn_time();
  received_ = true;
  ping_sent_ = false;
  if (backlog_.empty()) {
    backlog_ = Feed(plain);
  } else {
    backlog_.append(plain);
  }
  if (version_ == HttpVersion::kNone) NoteVersion();
  const ServerLimits& limits = owner_.calls().limits();
  LookBy(last_read_ + std::min({limits.header_timeout, limits.body_timeout, limits.send_timeout}));
  OnOutput();
}

void SocketConnection::NoteVersion() {
  version_ = calls_->version();
  if (version_ != HttpVersion::kNone) owner_.counters().Speaks(version_, secure_);
}

// Until the handshake is over nothing counts as received: a client that draws it out is one that
// says nothing.
void SocketConnection::OnCipher(std::string_view bytes) {
  if (ending_) return;
  tls_->Feed(bytes);
  for (;;) {
    const std::string_view plain = tls_->Read(owner_.plain_buffer(), unsent_);
    if (!secured_) OnTlsState();
    if (plain.empty()) break;
    OnBytes(plain);
  }
  if (tls_->state() == TlsSession::State::kFailed) {
    NoteEnd(ConnectionEnd::kTls);
    ending_ = true;
  }
  if (tls_->state() == TlsSession::State::kEnded) {
    FeedAll();  // what came before the end
    if (!OnPeerEnd()) ending_ = true;
  }
  OnOutput();
}

void SocketConnection::OnTlsState() {
  if (tls_->state() == TlsSession::State::kHandshake) {
    if (tls_->begun() && !std::exchange(handshaking_, true)) owner_.BeginHandshake(*this);
    return;
  }
  EndHandshake();
  if (tls_->state() == TlsSession::State::kFailed) return CountFailure(tls_->failure());
  secured_ = true;
  last_read_ = owner_.shard().turn_time();
  owner_.tls_counters().Began();
  calls_->Identify(CertificateIdentity(*tls_));
  calls_->OnSecured(tls_->protocol());
}

// The first reason is the one.
void SocketConnection::CountFailure(TlsFailure why) {
  if (tls_ == nullptr || secured_ || std::exchange(failed_, true)) return;
  owner_.tls_counters().Failed(why);
}

void SocketConnection::EndHandshake() {
  if (std::exchange(handshaking_, false)) owner_.EndHandshake();
}

// Answers may be under way; the peer waits for them, or has gone.
bool SocketConnection::OnPeerEnd() {
  if (calls_->open_calls() == 0 && unsent_.empty() && !calls_->wants_write()) return false;
  NoteEnd(ConnectionEnd::kClient);
  half_closed_until_ = owner_.shard().turn_time() + kHalfCloseTime;
  calls_->EndInput();
  LookBy(half_closed_until_);
  OnOutput();
  return true;
}

bool SocketConnection::FinishDrain() {
  if (!ending_ && !lingering_ && half_closed_until_ == 0) {
    FeedAll();
    if (!Read()) return false;
    FeedAll();
  }
  calls_->FinishDrain();
  return true;
}

// Takes bytes by pieces, since a few of them may ask for much; stops when others wait. What is
// left.
std::string_view SocketConnection::Feed(std::string_view bytes) {
  while (!bytes.empty() && !ending_) {
    const std::string_view piece =
        bytes.substr(0, restrained() ? kRestrainedPieceBytes : kPieceBytes);
    if (!calls_->OnBytes(piece, last_read_)) ending_ = true;
    bytes.remove_prefix(piece.size());
    if (bytes.empty()) break;
    owner_.Charge(*this);
    if (owner_.crowded() || !MayRead()) break;
  }
  return ending_ ? std::string_view() : bytes;
}

void SocketConnection::FeedBacklog() {
  const std::size_t left = Feed(backlog_).size();
  backlog_.erase(0, backlog_.size() - left);
  if (backlog_.empty()) backlog_.shrink_to_fit();
}

void SocketConnection::FeedAll() {
  while (!backlog_.empty()) FeedBacklog();
}

void SocketConnection::OnTurnEnd() {
  writing_ = true;
  const bool open = Write();
  writing_ = false;
  NoteStuck();
  owner_.Charge(*this);
  if (open) {
    UpdateRank();
    UpdateHeld();
    return UpdateInterest();
  }
  if (broken_) return owner_.Close(*this);
  NoteEnd(calls_->broken()      ? ConnectionEnd::kMalformed
          : calls_->cut_short() ? ConnectionEnd::kSlow
                                : ConnectionEnd::kDone);
  Linger();
}

// Closing a socket that holds unread bytes resets the connection, and a reset can overtake answers
// that the peer has not read yet (RFC 9112 section 9.6).
void SocketConnection::Linger() {
  if (calls_->cut_short()) {
    CloseHard();
    return owner_.Close(*this);
  }
  lingering_ = true;
  owner_.calls().memory().Leave(*calls_);
  owner_.order().Move(*this, ConnectionRank::kLeaving);
  unsent_ = std::string();
  CountFailure(TlsFailure::kGone);
  EndHandshake();
  tls_.reset();
  backlog_ = std::string();
  interest_ = EPOLLIN;
  if (half_closed_until_ != 0 || ::shutdown(fd_, SHUT_WR) != 0 ||
      !owner_.shard().Rewatch(fd_, interest_, *this)) {
    return owner_.Close(*this);
  }
  owner_.shard().ArmTimerAt(*this, owner_.shard().turn_time() + kLingerTime);
}

void SocketConnection::GiveUp(HttpError reason) {
  CountFailure(TlsFailure::kCrowded);
  NoteEnd(reason == HttpError::kNoError ? ConnectionEnd::kCrowded : ConnectionEnd::kMemory);
  if (!lingering_) {
    if (reason == HttpError::kNoError) {
      calls_->FinishDrain();
    } else {
      calls_->Terminate(reason);
    }
    Write();
    if (stuck_since_ != 0) CloseHard();
  }
  owner_.Close(*this);
}

// Makes closing reset the connection: a peer that takes nothing would have megabytes wait for it in
// the kernel long after, and half an answer is of no use to anybody.
void SocketConnection::CloseHard() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

// Signs of life are no calls: they don't make a connection more worth keeping.
void SocketConnection::UpdateRank() {
  const std::uint64_t begun = calls_->calls_begun();
  const ConnectionRank now = calls_->open_calls() > 0 ? ConnectionRank::kBusy
                             : begun > 0              ? ConnectionRank::kIdle
                             : tls_ && !secured_      ? ConnectionRank::kHandshake
                                                      : ConnectionRank::kNewcomer;
  if (now == rank() && begun == calls_seen_) return;
  calls_seen_ = begun;
  owner_.order().Move(*this, now);
}

void SocketConnection::UpdateHeld() {
  MemoryTurns& memory = owner_.calls().memory();
  const std::size_t own = OwnBytes();
  memory.Hold(own - own_bytes_);
  own_bytes_ = own;
  const std::size_t held = held_bytes();
  asked_least_ = memory.tight() ? std::min(asked_least_, AskedBytes()) : AskedBytes();
  if (held == 0 || calls_->moved() - moved_seen_ >= MemoryTurns::kLeastMoved) {
    moved_seen_ = calls_->moved();
    held_since_ = owner_.shard().turn_time();
  }
  owner_.LookAtMemory();
}

void SocketConnection::Discard() {
  const auto buffer = owner_.read_buffer();
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got > 0) discarded_ += static_cast<std::size_t>(got);
  const bool over = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  if (over || discarded_ > kLingerBytes) owner_.Close(*this);
}

// What is ready leaves in as few writes as possible; the rest waits for EPOLLOUT.
bool SocketConnection::Write() {
  more_output_ = false;
  if (!unsent_.empty()) {
    if (!Send(unsent_)) return false;
    if (!unsent_.empty()) return true;
    unsent_ = std::string();
  }
  std::string& out = owner_.write_buffer();
  const bool crowded = owner_.crowded();
  bool paused = false;
  for (int portion = 0; calls_->wants_write(); ++portion) {
    if (portion == (crowded ? 1 : kPortionsPerTurn)) {
      more_output_ = true;
      return true;
    }
    out.clear();
    calls_->Produce(out, crowded ? kCrowdedPortionBytes : kPortionBytes);
    // What was taken up again instead may have been answered at once.
    if (out.empty() && std::exchange(paused, true)) break;
    if (tls_ != nullptr && !Encrypt(out)) return false;
    if (!Send(out)) return false;
    if (!out.empty()) {
      unsent_ = out;
      return true;
    }
  }
  return !(ending_ || calls_->finished()) || !SaidGoodbye();
}

// In one go, so that a portion is as few records as can be.
bool SocketConnection::Encrypt(std::string& bytes) {
  std::string& cipher = owner_.cipher_buffer();
  cipher.clear();
  const bool done = tls_->Write(bytes, cipher);
  bytes.swap(cipher);
  return done;
}

// Tells the peer that nothing was cut off (RFC 8446 section 6.1).
bool SocketConnection::SaidGoodbye() {
  if (tls_ == nullptr) return true;
  tls_->Close(unsent_);
  return !Send(unsent_) || unsent_.empty();
}

// Takes what was sent off the front. False: the peer is gone.
bool SocketConnection::Send(std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      broken_ = true;
      return false;
    }
    done += static_cast<std::size_t>(sent);
  }
  bytes.erase(0, done);
  sent_ += done;
  return true;
}

void SocketConnection::NoteStuck() {
  if (unsent_.empty() && !more_output_) {
    stuck_since_ = 0;
  } else if (stuck_since_ == 0) {
    stuck_since_ = owner_.shard().turn_time();
    stuck_taken_ = taken();
    LookBy(stuck_since_ + owner_.calls().limits().send_timeout);
  }
}

// Bytes that have arrived at the peer: what waits in the socket has not.
std::uint64_t SocketConnection::taken() const {
  int waiting = 0;
  ::ioctl(fd_, SIOCOUTQ, &waiting);
  return sent_ - static_cast<std::uint64_t>(waiting);
}

// While the peer does not read its answers, no more than a bounded amount is read from it. Only
// what the kernel refuses to take counts: behind a closed flow-control window reading must go on,
// since the frame that opens it has to be read.
void SocketConnection::UpdateInterest() {
  std::uint32_t wanted = EPOLLIN;
  if (!unsent_.empty() &&
      unsent_.size() + calls_->queued_bytes() > owner_.calls().limits().max_unsent_bytes) {
    wanted = 0;
  }
  if (!calls_->wants_read() || half_closed_until_ != 0) wanted = 0;
  if (wanted != 0 && !MayRead()) {
    wanted = 0;
    calls_->WaitForMemory();
    owner_.LookAtMemory();
  }
  if (!unsent_.empty() || more_output_) wanted |= EPOLLOUT;
  if ((wanted & EPOLLIN) != 0 && !backlog_.empty()) {
    ready_ |= EPOLLIN;
    owner_.Defer(*this);
  }
  if (wanted == interest_) return;
  interest_ = wanted;
  if (unsent_.empty()) unsent_.shrink_to_fit();
  if (!owner_.shard().Rewatch(fd_, interest_, *this)) owner_.Close(*this);
}

void SocketConnection::LookBy(MonoNanos when) {
  if (when >= next_look_ || lingering_) return;
  next_look_ = when;
  owner_.shard().ArmTimerAt(*this, when);
}

// Looks at the connection now and then; what it finds decides when it looks again.
void SocketConnection::OnTimer() {
  const MonoNanos now = owner_.shard().turn_time();
  if (lingering_) return owner_.Close(*this);
  if (IsGivenUp(now)) {
    if (stuck_since_ != 0) CloseHard();
    return owner_.Close(*this);
  }
  MonoNanos next = CheckAge(now);
  if (calls_->waits_for_memory()) {  // it owes nothing: it is not listened to
    next = std::min(next, now + kNanosPerSecond);
  } else {
    next = std::min({next, CheckRequests(now), CheckSilence(now)});
  }
  next_look_ = runtime::kNoDeadline;
  LookBy(std::max(next, now + kShortestLook));
}

bool SocketConnection::IsGivenUp(MonoNanos now) {
  const ServerLimits& limits = owner_.calls().limits();
  const MonoNanos silent = now - last_read_;
  if (!received_ && silent >= limits.handshake_timeout) {
    CountFailure(TlsFailure::kTimeout);
    NoteEnd(ConnectionEnd::kSilent);
    return true;
  }
  if (ping_sent_ && silent >= limits.keepalive_time + limits.keepalive_timeout &&
      !calls_->waits_for_memory()) {
    NoteEnd(ConnectionEnd::kSilent);
    return true;
  }
  if (half_closed_until_ != 0 && now >= half_closed_until_) return true;
  if (stuck_since_ == 0 || now - stuck_since_ < limits.send_timeout) return false;
  // Slow is not stuck: who has taken enough meanwhile has the same time again.
  const std::uint64_t enough =
      static_cast<std::uint64_t>(limits.send_timeout / kNanosPerSecond * kSlowestBytesPerSecond);
  if (taken() - stuck_taken_ <= enough) {
    NoteEnd(ConnectionEnd::kSlow);
    return true;
  }
  stuck_since_ = now;
  stuck_taken_ = taken();
  return false;
}

// Requests that come, and answers that are taken, too slowly.
MonoNanos SocketConnection::CheckRequests(MonoNanos now) {
  const ServerLimits& limits = owner_.calls().limits();
  MonoNanos next = calls_->EndSlowCalls(now);
  if (stuck_since_ != 0) next = std::min(next, stuck_since_ + limits.send_timeout);
  if (half_closed_until_ != 0) next = std::min(next, half_closed_until_);
  const MonoNanos head_since = calls_->head_since();
  if (head_since == 0) return next;
  const MonoNanos due = head_since + limits.header_timeout + calls_->waited();
  if (due > now) return std::min(next, due);
  NoteEnd(ConnectionEnd::kSlow);
  calls_->TimeOutHead();
  ending_ = true;
  return next;
}

// A connection that has reached its age ends like all do in a drain: told, then without further
// calls, then without those that are left.
MonoNanos SocketConnection::CheckAge(MonoNanos now) {
  if (age_due_ == 0) return runtime::kNoDeadline;
  if (now < age_due_) return age_due_;
  NoteEnd(ConnectionEnd::kAge);
  switch (age_steps_++) {
    case 0:
      calls_->AnnounceDrain();
      age_due_ = now + ServerShard::kAnswerTime;
      break;
    case 1:
      calls_->FinishDrain();
      age_due_ = now + owner_.calls().limits().drain_timeout;
      break;
    default:
      calls_->Shutdown();
      age_due_ = 0;
      return runtime::kNoDeadline;
  }
  return age_due_;
}

// Peers that say nothing, and those that ask nothing.
MonoNanos SocketConnection::CheckSilence(MonoNanos now) {
  const ServerLimits& limits = owner_.calls().limits();
  const bool idle = calls_->open_calls() == 0;
  if (idle && now - calls_->last_call() >= limits.idle_timeout) {
    NoteEnd(ConnectionEnd::kIdle);
    calls_->FinishDrain();
  }
  MonoNanos next = last_read_ + limits.keepalive_time;
  if (!ping_sent_ && now >= next) {
    // Over HTTP/1.1 a client that waits for its answer is rightly silent.
    ping_sent_ = calls_->Ping() || idle;
    if (!ping_sent_) next = now + limits.keepalive_time;
  }
  if (ping_sent_) next += limits.keepalive_timeout;
  if (!received_) next = std::min(next, last_read_ + limits.handshake_timeout);
  if (idle) next = std::min(next, calls_->last_call() + limits.idle_timeout);
  return next;
}

}  // namespace prism::rpc
