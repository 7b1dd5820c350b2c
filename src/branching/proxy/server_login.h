// Into a branch as somebody who has proven who they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "branching/pgwire/startup_message.h"
#include "branching/proxy/message_stream.h"
#include "branching/scram/keys.h"

namespace prism::branching {

// A session of a server that waits for its first query.
struct ServerSession {
  std::unique_ptr<SocketStream> stream;
  std::string greeting;  // what the client must be told: settings and notices, as the server sent
  std::string rest;      // what came behind its first ReadyForQuery
  std::uint32_t process_id = 0;
  std::string key;  // for cancel requests; empty: it can't be cancelled
};

// Connected to the unix socket at `path`. UNAVAILABLE/CONNECTION_LOST and what else the system says
// when nobody listens there, or more wait than its queue takes.
Result<std::unique_ptr<SocketStream>> ConnectUnix(runtime::Shard& shard, StreamBuffers& buffers,
                                                  const std::string& path);

// What a server refused is an error message for the client, word for word.
struct ServerRefusal {
  std::string message;   // ErrorResponse, whole
  std::string sqlstate;  // of it
};
using LoginOutcome = std::variant<ServerSession, ServerRefusal>;

// Logs in by what the server asks for: nothing, as those of branches do, or SCRAM by `keys`, when
// there are any. Errors of the stream, and UNAVAILABLE/SERVER_LOGIN_UNSUPPORTED.
runtime::Task<Result<LoginOutcome>> LogIn(std::unique_ptr<SocketStream> stream,
                                          StartupMessage startup, std::optional<ScramKeys> keys,
                                          Until until);

}  // namespace prism::branching
