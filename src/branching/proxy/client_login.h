// The proxy's own login: nothing is done for a stranger.
#pragma once

#include <string>

#include "branching/proxy/message_stream.h"
#include "branching/scram/scram_server.h"

namespace prism::branching {

// Asks the client for its password by SCRAM until it has proven to know it; AuthenticationOk is
// left to the caller. Returns what logs in as the same user elsewhere. `end_point`: see
// ScramServer. Errors: those that the client is to be told, and those of the stream.
runtime::Task<Result<ScramKeys>> AskPassword(SocketStream* client, MessageStream* messages,
                                             LoginVerifier verifier, std::string user,
                                             std::string end_point, Until until);

}  // namespace prism::branching
