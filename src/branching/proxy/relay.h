// Bytes to and fro between a client and the server of its branch, for as long as both go on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "branching/pgwire/session_state.h"
#include "branching/proxy/socket_stream.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace prism::branching {

// Nothing is looked at but what tells the state of the transaction. Life cycle: construct, Run
// once. Streams, state and cancel outlive it. Thread rule: the streams' shard.
class Relay {
 public:
  Relay(SocketStream& client, SocketStream& server, SessionState& state,
        runtime::CancelSource& cancel)
      : client_(client), server_(server), state_(state), cancel_(cancel) {}

  // Begins with what was read already. Completes when both sides have ended theirs, when one is
  // lost, or when it is cancelled; fires `cancel` itself at the end.
  runtime::Task<void> Run(std::string to_server, std::string to_client);
  // Cancels it (kShutdown) as soon as no transaction is open: now, or when the server says so.
  void EndOutsideOfTransactions();
  // It was cancelled when the client had got whole messages: one more would be understood.
  bool between_messages() const { return between_messages_; }

 private:
  // How a direction ended.
  enum class Ending : std::uint8_t { kInOrder, kSenderLost, kReceiverLost };

  runtime::Task<void> FromClient(std::string first);
  runtime::Task<void> FromServer(std::string first);
  runtime::Task<Ending> Carry(SocketStream* from, SocketStream* to, std::string first);
  void Observe(const SocketStream* from, std::string_view bytes);
  runtime::Task<Ending> Drain(SocketStream* from);
  runtime::Task<void> SayFarewell(Ending ending);
  Until until() const { return {.cancel = &cancel_}; }

  SocketStream& client_;
  SocketStream& server_;
  SessionState& state_;
  runtime::CancelSource& cancel_;
  bool client_ended_ = false;
  bool server_ended_ = false;
  bool between_messages_ = false;
  bool leaving_ = false;  // at the end of the transaction
};

}  // namespace prism::branching
