// Typed messages, one at a time and of bounded size: for the handshakes with clients and servers,
// not for what is relayed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace prism::branching {

// Limits of a body. A stranger sends a password or a message of SASL, for which PostgreSQL allows
// 1024 bytes. A server's longest before it is ready is an error or a notice.
inline constexpr std::size_t kMaxBodyOfStranger = 2048;
inline constexpr std::size_t kMaxBodyOfServer = 65536;

struct Message {
  char type;
  std::string_view body;  // valid until the next call of the reader
};

// Life cycle: Read what comes; when there was a message, Read again from the first byte that was
// not consumed. After an error the connection is of no use. Thread rule: one thread at a time.
class MessageReader {
 public:
  explicit MessageReader(std::size_t max_body) : max_body_(max_body) {}

  struct Progress {
    std::size_t consumed;
    std::optional<Message> message;
  };
  // Consumes at most one message. PROTOCOL_VIOLATION when its length can't be or is beyond the
  // limit; nothing is kept of it then.
  Result<Progress> Read(std::string_view input);

 private:
  std::string buffer_;  // type, length, and the body as far as it is there
  std::size_t max_body_;
  bool delivered_ = false;  // buffer_ is the message that was returned last
};

// Bodies. All fail with PROTOCOL_VIOLATION.

// Of 'R': the code (0 ok, 3, 5, 10, 11, 12, ...) and what follows it.
struct AuthenticationBody {
  std::uint32_t code;
  std::string_view data;
};
Result<AuthenticationBody> ParseAuthentication(std::string_view body);
// Of the data of AuthenticationSASL.
Result<std::vector<std::string_view>> ParseMechanisms(std::string_view data);

// Of a 'p' that answers AuthenticationMd5Password.
Result<std::string_view> ParsePassword(std::string_view body);
// Of the first 'p' in an exchange of SASL. No data at all (-1) is absent, which is not empty.
struct SaslInitialBody {
  std::string_view mechanism;
  std::optional<std::string_view> data;
};
Result<SaslInitialBody> ParseSaslInitialResponse(std::string_view body);

struct KeyDataBody {
  std::uint32_t process_id;
  std::string_view key;  // 4 to 256 bytes
};
Result<KeyDataBody> ParseBackendKeyData(std::string_view body);

// Of 'E' and 'N': fields that were not sent are empty.
struct ReportBody {
  std::string_view severity;
  std::string_view sqlstate;
  std::string_view message;
};
Result<ReportBody> ParseReport(std::string_view body);

}  // namespace prism::branching
