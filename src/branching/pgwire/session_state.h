// What a session is doing, from the bytes that its server sends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "branching/pgwire/messages.h"

namespace prism::branching {

// Looks at the header of each message and passes over the rest: nothing is copied or kept. Life
// cycle: construct when the handshake is over, Follow all bytes of the server. Thread rule: one
// thread at a time.
class SessionState {
 public:
  // In any pieces.
  void Follow(std::string_view bytes);
  // The client has sent something, which is not looked at.
  void NoteRequest() { asked_ = true; }

  // Of the last ReadyForQuery. It says nothing about what the client has sent since.
  TransactionStatus status() const { return status_; }
  // COPY is under way, in or out.
  bool copying() const { return copy_ == Copy::kData; }
  // A replication stream is under way (CopyBothResponse).
  bool replicating() const { return copy_ == Copy::kBoth; }
  // Nothing of a message is missing.
  bool between_messages() const { return following_ && left_ == 0 && header_size_ == 0; }
  // The session can be ended here and nothing is lost: no transaction is open, and the client has
  // sent nothing since the server said so; or it is a replication stream, which knows where to go
  // on. Of requests that were sent together it is the first whose answer counts.
  bool may_end() const {
    return between_messages() &&
           (replicating() || (!asked_ && status_ == TransactionStatus::kIdle));
  }
  // False from the first message that can't be one: what is above stays as it was.
  bool following() const { return following_; }

 private:
  static constexpr std::size_t kHeaderSize = 5;
  enum class Copy : std::uint8_t { kNone, kData, kBoth };

  std::size_t TakeHeader(std::string_view bytes);
  void OnHeader(const char* header);

  std::size_t left_ = 0;  // of the body
  std::array<char, kHeaderSize> header_{};
  std::uint8_t header_size_ = 0;  // of a header that came in pieces
  bool status_next_ = false;      // the body is the status
  bool asked_ = false;            // since the last ReadyForQuery
  bool following_ = true;
  Copy copy_ = Copy::kNone;
  TransactionStatus status_ = TransactionStatus::kIdle;
};

}  // namespace prism::branching
