// Bytes from a stranger into a server connection: HTTP/2 and HTTP/1.1 codec, gRPC framing, calls of
// every kind, and what happens to a connection beside its bytes. Whatever comes, the connection
// ends, every task ends, and no call is left over.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/web_origin.h"
#include "rpc/call/call_connection.h"
#include "rpc/call/cors.h"
#include "rpc/testing/echo_dispatcher.h"
#include "runtime/shard.h"

namespace {

using prism::MonoNanos;
using prism::rpc::CallConnection;

class NoOutput final : public prism::rpc::OutputListener {
 public:
  void OnOutput() override {}
};

prism::rpc::ServerLimits SmallLimits() {
  prism::rpc::ServerLimits limits;
  limits.max_concurrent_streams = 16;
  limits.max_header_list_bytes = 2 * 1024;
  limits.max_message_bytes = 64 * 1024;
  limits.max_buffered_bytes = 128 * 1024;
  return limits;
}

prism::rpc::Cors SomePages() {
  prism::rpc::CorsSettings settings;
  settings.allowed_origins = *prism::base::ParseWebOrigins("https://a, https://*.b");
  settings.allow_credentials = true;
  return prism::rpc::Cors(settings);
}

void Require(bool holds) {
  if (!holds) std::abort();
}

void BeginWith(CallConnection& connection, std::uint8_t choice) {
  if (choice % 4 == 1) connection.OnSecured("h2");
  if (choice % 4 == 2) connection.OnSecured("http/1.1");
}

// What befalls connections half way: slow peers, drains, broken sockets.
void Befall(CallConnection& connection, std::uint8_t choice, MonoNanos now) {
  switch (choice / 4 % 8) {
    case 1:
      connection.Ping();
      break;
    case 2:
      connection.EndSlowCalls(now + 3600 * prism::kNanosPerSecond);
      break;
    case 3:
      connection.AnnounceDrain();
      break;
    case 4:
      connection.AnnounceDrain();
      connection.FinishDrain();
      break;
    case 5:
      if (connection.head_since() != 0) connection.TimeOutHead();
      break;
    case 6:
      connection.Terminate(prism::rpc::HttpError::kEnhanceYourCalm);
      break;
    case 7:
      connection.EndInput();
      break;
    default:
      break;
  }
}

// The bytes in pieces; what befalls the connection comes once half of them are there.
void Feed(prism::rpc::CallShard& calls, CallConnection& connection, std::string_view bytes,
          std::size_t piece, std::uint8_t choice) {
  const std::size_t half = bytes.size() / 2;
  bool befallen = false;
  std::string out;
  MonoNanos now = prism::kNanosPerSecond;
  for (bool open = true; open && !bytes.empty(); now += prism::kNanosPerMilli) {
    open = connection.OnBytes(bytes.substr(0, piece), now);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    calls.memory().Update(now);
    if (open && !befallen && bytes.size() <= half) {
      befallen = true;
      Befall(connection, choice, now);
    }
    // Who takes no answers lets them pile up.
    if (choice >= 192) continue;
    out.clear();
    connection.Produce(out, 64 * 1024);
  }
}

}  // namespace

// The first byte says into how large pieces the rest is cut, and when time passes; the last one,
// which is sent like all others, what befalls the connection.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] < 128 ? std::size_t{data[0]} + 1 : size;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::uint8_t choice = data[size - 1];

  const prism::rpc::ServerLimits limits = SmallLimits();
  prism::runtime::Shard shard(0);
  prism::rpc::testing::EchoDispatcher dispatcher;
  prism::rpc::CallShard calls(shard, dispatcher, limits, SomePages());
  NoOutput listener;
  {
    CallConnection connection(calls, listener, "fuzz:1");
    BeginWith(connection, choice);
    Feed(calls, connection, bytes, piece, choice);
    if (data[0] % 3 == 0) dispatcher.Release();
    if (data[0] % 5 == 0) connection.Shutdown();
    std::string out;
    connection.Produce(out, 1 << 20);
  }
  dispatcher.Release();
  Require(calls.tasks().running() == 0);
  Require(calls.memory().held() == 0);
  Require(dispatcher.started == dispatcher.finished);
  return 0;
}
