// The proxy's own login: nothing is done for a stranger.
#pragma once

#include <optional>
#include <string>

#include "branching/proxy/message_stream.h"
#include "branching/scram/scram_server.h"

namespace prism::branching {

// Asks the client for its password until it has proven to know it, by SCRAM or, where that is what
// is kept of it, by MD5; AuthenticationOk is left to the caller. Returns what logs in as the same
// user elsewhere, which MD5 does not give. `end_point`: see ScramServer. Errors: those that the
// client is to be told, and those of the stream.
runtime::Task<Result<std::optional<ScramKeys>>> AskPassword(SocketStream* client,
                                                            MessageStream* messages,
                                                            LoginCheck check, std::string user,
                                                            std::string end_point, Until until);

}  // namespace prism::branching
