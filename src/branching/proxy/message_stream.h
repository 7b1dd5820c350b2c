// Messages of a peer, one after the other, while there is a handshake.
#pragma once

#include <cstddef>
#include <string>

#include "branching/pgwire/message_reader.h"
#include "branching/proxy/socket_stream.h"

namespace prism::branching {

// Life cycle: construct with what was read already, Next as often as needed, TakeRest. The stream
// outlives it. Thread rule: the stream's shard.
class MessageStream {
 public:
  MessageStream(SocketStream& stream, std::size_t max_body, std::string seen = {})
      : stream_(stream), reader_(max_body), input_(std::move(seen)) {}

  // Valid until the next call. UNAVAILABLE/CONNECTION_LOST when the peer has ended its side, the
  // errors of SocketStream::Read and MessageReader::Read.
  runtime::Task<Result<Message>> Next(Until until);
  // What the peer sent behind the last message.
  std::string TakeRest();

 private:
  SocketStream& stream_;
  MessageReader reader_;
  std::string input_;  // read; used up to here
  std::size_t used_ = 0;
};

}  // namespace prism::branching
