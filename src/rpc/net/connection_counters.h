// How many connections there are, of which kind, and how they ended.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rpc/http/http_codec.h"

namespace prism::rpc {

// Why a connection ended; the first reason is the one.
enum class ConnectionEnd : std::uint8_t {
  kClient,     // its client closed it, or was gone
  kDone,       // as HTTP has it: after `Connection: close`, or a GOAWAY of the client
  kMalformed,  // its client broke the rules of HTTP
  kTls,        // TLS failed, in its handshake or later
  kSilent,     // nothing came when something was due: handshake_timeout, keepalive_timeout
  kSlow,       // a head came, or answers were taken, too slowly: header_timeout, send_timeout
  kIdle,       // idle_timeout
  kAge,        // max_connection_age
  kCrowded,    // it made room for another: max_connections
  kMemory,     // it made the server hold too much: max_buffered_bytes
  kDrain,      // the server stops
  kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ConnectionEnd::kCount)>
    kConnectionEndNames = {"client", "done", "malformed", "tls",    "silent", "slow",
                           "idle",   "age",  "crowded",   "memory", "drain"};
inline constexpr std::array<std::string_view, 3> kHttpVersionNames = {"none", "h1", "h2"};

// Copied for whoever shows them.
struct ConnectionCounts {
  // By HttpVersion, and whether it speaks TLS.
  using ByKind = std::array<std::array<std::uint64_t, 2>, kHttpVersionNames.size()>;

  ByKind open{};
  ByKind begun{};  // those that have begun to speak HTTP
  std::array<std::uint64_t, kConnectionEndNames.size()> closed{};
};

// Of one shard. Changed once when a connection begins, speaks and ends, never for a request. Thread
// rule: changed on its shard, read on any thread.
class ConnectionCounters {
 public:
  void Opened(bool secure) { Add(open_, HttpVersion::kNone, secure, 1); }
  void Speaks(HttpVersion version, bool secure) {
    Add(open_, HttpVersion::kNone, secure, -1);
    Add(open_, version, secure, 1);
    Add(begun_, version, secure, 1);
  }
  void Closed(HttpVersion version, bool secure, ConnectionEnd why) {
    Add(open_, version, secure, -1);
    closed_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  }
  void AddTo(ConnectionCounts& sum) const {
    AddTo(open_, sum.open);
    AddTo(begun_, sum.begun);
    for (std::size_t i = 0; i < closed_.size(); ++i) {
      sum.closed[i] += closed_[i].load(std::memory_order_relaxed);
    }
  }

 private:
  using Counters = std::array<std::array<std::atomic<std::uint64_t>, 2>, kHttpVersionNames.size()>;

  static void Add(Counters& counters, HttpVersion version, bool secure, int change) {
    counters[static_cast<std::size_t>(version)][secure ? 1 : 0].fetch_add(
        static_cast<std::uint64_t>(change), std::memory_order_relaxed);
  }
  static void AddTo(const Counters& counters, ConnectionCounts::ByKind& sum) {
    for (std::size_t i = 0; i < counters.size(); ++i) {
      for (std::size_t j = 0; j < 2; ++j) {
        sum[i][j] += counters[i][j].load(std::memory_order_relaxed);
      }
    }
  }

  Counters open_{};
  Counters begun_{};
  std::array<std::atomic<std::uint64_t>, kConnectionEndNames.size()> closed_{};
};

}  // namespace prism::rpc
