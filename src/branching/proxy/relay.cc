#include "branching/proxy/relay.h"

#include <string_view>
#include <utility>

#include "runtime/task_group.h"
#include "runtime/wait.h"

namespace prism::branching {

using runtime::CancelReason;
using runtime::Task;

namespace {

// A server that has ended its side takes nothing any more. Its client reads what was said last, and
// closes; one that does not must not keep the connection for ever.
constexpr MonoNanos kFarewell = 10 * kNanosPerSecond;

}  // namespace

Task<void> Relay::Run(std::string to_server, std::string to_client) {
  runtime::TaskGroup directions;
  // Its first ReadyForQuery is no answer to what the client has sent already.
  directions.Spawn(FromServer(std::move(to_client)));
  directions.Spawn(FromClient(std::move(to_server)));
  co_await directions.Join();
}

// Until the sender has ended its side, which the receiver is told, or one of the two is lost.
Task<Relay::Ending> Relay::Carry(SocketStream* from, SocketStream* to, std::string first) {
  std::string_view bytes = first;
  while (true) {
    Observe(from, bytes);
    const Status written = co_await to->Write(bytes, until());
    if (!written) co_return Ending::kReceiverLost;
    if (leaving_) EndOutsideOfTransactions();
    const auto read = co_await from->Read(until());
    if (!read) co_return Ending::kSenderLost;
    if (read->empty()) break;
    bytes = *read;
  }
  const Status told = co_await to->EndOutput(until());
  co_return told ? Ending::kInOrder : Ending::kReceiverLost;
}

void Relay::Observe(const SocketStream* from, std::string_view bytes) {
  if (from == &server_) {
    state_.Follow(bytes);
  } else if (!bytes.empty()) {
    state_.NoteRequest();
  }
}

void Relay::EndOutsideOfTransactions() {
  leaving_ = true;
  if (state_.may_end()) cancel_.Cancel(CancelReason::kShutdown);
}

Task<void> Relay::FromClient(std::string first) {
  Ending ending = co_await Carry(&client_, &server_, std::move(first));
  if (ending == Ending::kReceiverLost) ending = co_await Drain(&client_);
  // The server may have more to say to a client that has ended its side in good order.
  client_ended_ = true;
  if (ending == Ending::kSenderLost || server_ended_) cancel_.Cancel(CancelReason::kClientGone);
}

// A server that takes nothing any more has said why, which its client may not have read yet: that
// may be sending, and would lose it if the connection was reset.
Task<Relay::Ending> Relay::Drain(SocketStream* from) {
  while (true) {
    const auto read = co_await from->Read(until());
    if (!read) co_return Ending::kSenderLost;
    if (read->empty()) co_return Ending::kInOrder;
  }
}

Task<void> Relay::FromServer(std::string first) {
  const Ending ending = co_await Carry(&server_, &client_, std::move(first));
  between_messages_ =
      ending == Ending::kSenderLost && cancel_.cancelled() && state_.between_messages();
  server_ended_ = true;
  if (ending != Ending::kReceiverLost && !cancel_.cancelled() && !client_ended_) {
    co_await SayFarewell(ending);
  }
  cancel_.Cancel(CancelReason::kClientGone);
}

Task<void> Relay::SayFarewell(Ending ending) {
  runtime::Shard& shard = *runtime::Shard::Current();
  // One that was lost has said what it had to say, too: a server that is ended while its client
  // sends resets the connection behind its last words.
  if (ending == Ending::kSenderLost) {
    const Status told = co_await client_.EndOutput(until());
    if (!told) co_return;
  }
  co_await runtime::SleepUntil(shard, shard.turn_time() + kFarewell, &cancel_);
}

}  // namespace prism::branching
