// StartupMessage: what a client asks for, and what the server of a branch is asked for in turn.
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

// Major version in the upper half of the word, minor in the lower.
inline constexpr std::uint32_t kProtocol30 = 196608;
inline constexpr std::uint32_t kProtocol32 = 196610;

// The whole packet, its length included.
inline constexpr std::size_t kMinStartupPacket = 8;
inline constexpr std::size_t kMaxStartupPacket = 10000;

struct StartupParameter {
  std::string name;
  std::string value;

  bool operator==(const StartupParameter&) const = default;
};

// Bytes of the client are kept as they are: PostgreSQL does not know their encoding at this point.
class StartupMessage {
 public:
  // What replication connections are (PostgreSQL documentation, "Streaming Replication Protocol").
  enum class Replication : std::uint8_t { kNone, kPhysical, kLogical };

  // `word` is the version that the client asks for, `body` what follows it in the packet. Fails
  // with UNSUPPORTED_PROTOCOL, BAD_STARTUP_LAYOUT, NO_USER, or REPEATED_PARAMETER: of parameters
  // that decide who connects to what, the proxy and a server might believe different ones.
  static Result<StartupMessage> Parse(std::uint32_t word, std::string_view body);

  // The version that is spoken with the client: what it asked for, or the newest below that.
  std::uint32_t version() const { return version_; }
  // Whether the client must be told (NegotiateProtocolVersion) before anything else.
  bool MustNegotiate() const { return word_ != version_ || !unknown_options_.empty(); }
  // Names of the protocol extensions (_pq_.*) that it asks for: there are none.
  const std::vector<std::string>& unknown_options() const { return unknown_options_; }

  const std::vector<StartupParameter>& parameters() const { return parameters_; }
  // Names are compared byte by byte, as PostgreSQL does with those of its own.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::string_view user() const { return *Find("user"); }
  // As the server understands it: the user when there is none.
  std::string_view database() const;
  Replication replication() const;

  // Replaces the value of a parameter that is there, in its place.
  void Replace(std::string_view name, std::string value);
  void Remove(std::string_view name);
  // As the last one.
  void Add(StartupParameter parameter) { parameters_.push_back(std::move(parameter)); }

  // The packet for a server that speaks `version`. Extensions are left out: the client has been
  // told that there are none.
  std::string Write(std::uint32_t version) const;

 private:
  std::uint32_t word_ = kProtocol30;
  std::uint32_t version_ = kProtocol30;
  std::vector<std::string> unknown_options_;
  std::vector<StartupParameter> parameters_;
};

}  // namespace prism::branching
