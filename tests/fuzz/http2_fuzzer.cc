// Bytes from a stranger into a server connection: HTTP/2 codec, gRPC framing, calls of every kind.
// Whatever comes, the connection ends, every task ends, and no call is left over.
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

class NoOutput final : public prism::rpc::OutputListener {
 public:
  void OnOutput() override {}
};

prism::rpc::ServerLimits SmallLimits() {
  prism::rpc::ServerLimits limits;
  limits.max_concurrent_streams = 16;
  limits.max_header_list_bytes = 2 * 1024;
  limits.max_message_bytes = 64 * 1024;
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

}  // namespace

// The first byte says into how large pieces the rest is cut, and when time passes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] < 128 ? std::size_t{data[0]} + 1 : size;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);

  const prism::rpc::ServerLimits limits = SmallLimits();
  prism::runtime::Shard shard(0);
  prism::rpc::testing::EchoDispatcher dispatcher;
  prism::rpc::CallShard calls(shard, dispatcher, limits, SomePages());
  NoOutput listener;
  {
    prism::rpc::CallConnection connection(calls, listener, "fuzz:1");
    std::string out;
    prism::MonoNanos now = prism::kNanosPerSecond;
    bool open = true;
    while (open && !rest.empty()) {
      open = connection.OnBytes(rest.substr(0, piece), now);
      rest.remove_prefix(std::min(piece, rest.size()));
      out.clear();
      connection.Produce(out, 64 * 1024);
      now += prism::kNanosPerMilli;
    }
    if (data[0] % 3 == 0) dispatcher.Release();
    if (data[0] % 5 == 0) connection.Shutdown();
    out.clear();
    connection.Produce(out, 1 << 20);
  }
  dispatcher.Release();
  Require(calls.tasks().running() == 0);
  Require(dispatcher.started == dispatcher.finished);
  return 0;
}
