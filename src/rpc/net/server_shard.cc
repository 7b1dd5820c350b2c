#include "rpc/net/server_shard.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace prism::rpc {

ServerShard::ServerShard(runtime::Shard& shard, Dispatcher& dispatcher, const ServerLimits& limits,
                         Cors cors, TlsCounters& tls_counters)
    : shard_(shard),
      calls_(shard, dispatcher, limits, std::move(cors)),
      tls_counters_(tls_counters),
      empty_(shard),
      random_(std::random_device{}()) {
  empty_.Set();
}

ServerShard::~ServerShard() = default;

std::span<char> ServerShard::read_buffer() {
  if (read_buffer_ == nullptr) read_buffer_ = std::make_unique<char[]>(kReadBytes);
  return {read_buffer_.get(), crowded() ? kCrowdedReadBytes : kReadBytes};
}

bool ServerShard::crowded() const {
  const MonoNanos spent = charged_ - turn_;
  const bool same_turn = turn_ == shard_.turn_time();
  return spent >= kCrowded || (same_turn && spent_before_ >= kCrowded);
}

void ServerShard::Defer(SocketConnection& connection) {
  waiting_.Push(connection, shard_.turn_time());
  if (!armed()) shard_.ArmTimerAt(*this, shard_.turn_time());  // after the events of this turn
}

// One clock reading a connection and turn: what lies between two of them is the later one's.
void ServerShard::Charge(SocketConnection& connection) {
  const MonoNanos turn = shard_.turn_time();
  if (turn != turn_) {
    spent_before_ = charged_ - turn_;
    turn_ = charged_ = turn;
  }
  const MonoNanos now = MonotonicNow();
  connection.Charge(now - charged_, now);
  charged_ = now;
}

void ServerShard::OnTimer() {
  const MonoNanos end = MonotonicNow() + kSlice;
  while (!waiting_.empty() && MonotonicNow() < end) {
    auto& next = static_cast<SocketConnection&>(waiting_.Pop());
    if (!next.Serve()) continue;
    Charge(next);
    next.OnTurnEnd();  // its answers must not wait for what the next one asks for
  }
  if (!waiting_.empty()) shard_.ArmTimerAt(*this, shard_.turn_time());
}

std::span<char> ServerShard::plain_buffer() {
  if (plain_buffer_ == nullptr) plain_buffer_ = std::make_unique<char[]>(kReadBytes);
  return {plain_buffer_.get(), kReadBytes};
}

void ServerShard::Adopt(NewSocket socket) {
  if (stopping_ || draining_) {
    ::close(socket.fd);
    load_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  auto tls = socket.secure ? std::make_unique<TlsSession>(tls_) : nullptr;
  auto* connection = new SocketConnection(*this, socket.fd, std::move(socket.peer), std::move(tls));
  connection->calls().Require(std::move(socket.hosts));
  connection->next_ = head_;
  if (head_ != nullptr) head_->prev_ = connection;
  head_ = connection;
  order_.Add(*connection, socket.secure ? ConnectionRank::kHandshake : ConnectionRank::kNewcomer);
  empty_.Reset();
  counters_.Opened(connection->secure());
  if (!connection->Start()) Close(*connection);
}

bool ServerShard::AdoptInstead(const NewSocket& socket) {
  ConnectionOrder::Entry* const least = order_.LeastMissed();
  if (least == nullptr) {
    load_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  given_up_.fetch_add(1, std::memory_order_relaxed);
  static_cast<SocketConnection*>(least)->GiveUp(HttpError::kNoError);
  Adopt(socket);
  return true;
}

void ServerShard::BeginHandshake(SocketConnection& connection) {
  ++handshakes_;
  order_.Move(connection, ConnectionRank::kHandshake);  // the youngest now
  // A drain walks over the connections, and takes no new ones anyway.
  while (!draining_ && handshakes_ > kMaxHandshakes) {
    static_cast<SocketConnection*>(order_.Oldest(ConnectionRank::kHandshake))
        ->GiveUp(HttpError::kNoError);
  }
}

void ServerShard::Close(SocketConnection& connection) {
  counters_.Closed(connection.version(), connection.secure(), connection.end());
  order_.Remove(connection);
  waiting_.Remove(connection);
  (connection.prev_ != nullptr ? connection.prev_->next_ : head_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->prev_ = connection.prev_;
  delete &connection;
  LookAtMemory();
  load_.fetch_sub(1, std::memory_order_relaxed);
  if (head_ == nullptr) empty_.Set();
}

MonoNanos ServerShard::Jittered(MonoNanos time) {
  return time + std::uniform_int_distribution<MonoNanos>(-time / 10, time / 10)(random_);
}

// Once in a turn of the loop, so that what one is given can be seen before the next one's turn.
void ServerShard::ShareMemory() {
  MemoryTurns& memory = calls_.memory();
  const MonoNanos now = shard_.turn_time();
  if (std::exchange(shared_at_, now) != now) {
    KeepLean(now);
    memory.Update(now);
    RelieveIfNeeded(now);
    if (memory.anyone_waits() || lean_) shard_.ArmTimerAt(relief_, now + MemoryTurns::kLook);
  } else if (memory.anyone_waits()) {
    shard_.ArmTimerAt(relief_, now);
  }
}

// What the allocator keeps of large values that have passed is memory, too.
void ServerShard::KeepLean(MonoNanos now) {
  if (calls_.memory().tight()) {
    lean_until_ = now + kLeanTime;
    if (!lean_) lean_.emplace();
  } else if (now >= lean_until_) {
    lean_.reset();
  }
}

// What can't be had by taking turns is had by letting those go that have stood still for longest:
// they wait for what does not come, or don't take what does.
void ServerShard::RelieveIfNeeded(MonoNanos now) {
  const MemoryTurns& memory = calls_.memory();
  const std::size_t most =
      memory.most() + MemoryTurns::kFreeBytes * static_cast<std::size_t>(load());
  if (memory.held() > most) return Relieve(most / 4 * 3, runtime::kNoDeadline);
  if (!memory.tight() || !memory.anyone_waits() || now < relieve_next_) return;
  relieve_next_ = now + MemoryTurns::kLook;
  const MonoNanos long_ago = now - MemoryTurns::kPatience;
  if (const MonoNanos stuck = memory.stuck_since(); stuck != 0 && stuck <= long_ago) {
    return Relieve(memory.held() / 4 * 3, runtime::kNoDeadline);
  }
  Relieve(memory.limit() / 4 * 3, long_ago);
}

void ServerShard::Relieve(std::size_t until, MonoNanos still_since) {
  std::vector<SocketConnection*> holders;
  for (SocketConnection* c = head_; c != nullptr; c = c->next_) {
    // Who waits for the turn can't move.
    const bool excused = still_since != runtime::kNoDeadline && c->calls().waits_for_memory();
    if (c->held_bytes() > MemoryTurns::kFreeBytes && c->held_since() <= still_since && !excused) {
      holders.push_back(c);
    }
  }
  std::ranges::sort(holders, {}, &SocketConnection::held_since);
  for (SocketConnection* holder : holders) {
    if (calls_.memory().held() <= until) break;
    relieved_.fetch_add(1, std::memory_order_relaxed);
    holder->GiveUp(HttpError::kEnhanceYourCalm);
  }
}

void ServerShard::AnnounceDrain() {
  draining_ = true;
  answers_until_ = shard_.turn_time() + kAnswerTime;
  for (SocketConnection* c = head_; c != nullptr; c = c->next_) {
    c->NoteEnd(ConnectionEnd::kDrain);
    c->calls().AnnounceDrain();
  }
}

runtime::Task<void> ServerShard::WaitUntilEmpty(MonoNanos deadline) {
  co_await empty_.For(std::min(deadline, answers_until_));
  if (shard_.turn_time() >= answers_until_) {
    for (SocketConnection* c = head_; c != nullptr;) {
      SocketConnection& ending = *std::exchange(c, c->next_);
      if (!ending.FinishDrain()) Close(ending);
    }
  }
  co_await empty_.For(deadline);
}

runtime::Task<void> ServerShard::Stop() {
  stopping_ = true;
  Disarm();
  relief_.Disarm();
  for (SocketConnection* c = head_; c != nullptr;) {
    SocketConnection& ending = *std::exchange(c, c->next_);
    ending.NoteEnd(ConnectionEnd::kDrain);
    ending.calls().Shutdown();
    ending.Write();  // the last answers, as far as the socket takes them
    Close(ending);
  }
  co_await calls_.tasks().Join();
}

}  // namespace prism::rpc
