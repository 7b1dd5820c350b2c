// For tests: a client session and a server connection joined without a socket, so that a test
// decides how bytes are cut.
#pragma once

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "rpc/call/call_connection.h"
#include "rpc/client/client_session.h"
#include "rpc/client/client_status.h"
#include "rpc/testing/echo_dispatcher.h"
#include "rpc/wire/grpc_frame.h"
#include "runtime/shard.h"

namespace prism::rpc::testing {

inline std::string Serialized(std::string_view value) {
  google::protobuf::BytesValue message;
  message.set_value(std::string(value));
  return message.SerializeAsString();
}

inline std::string Framed(std::string_view message, bool compressed = false) {
  std::string out(kGrpcPrefixBytes, '\0');
  WriteGrpcPrefix(out.data(), compressed, static_cast<std::uint32_t>(message.size()));
  return out.append(message);
}

// The server side of one shard, driven by hand: its shard does not run.
class Wire final : private OutputListener {
 public:
  explicit Wire(const ServerLimits& limits_in = {}, const Cors& cors = {})
      : limits(limits_in),
        calls(shard, dispatcher, limits, cors),
        server(std::make_unique<CallConnection>(calls, static_cast<OutputListener&>(*this),
                                                "test:1")) {}
  ~Wire() {
    server.reset();
    dispatcher.Release();
  }

  static Headers CallHeaders(std::string_view path) {
    return {{":method", "POST"},
            {":scheme", "http"},
            {":path", std::string(path)},
            {":authority", "test"},
            {"content-type", "application/grpc"},
            {"te", "trailers"}};
  }

  // Starts a call; `body` and the end follow when they are given.
  std::int32_t Open(const Headers& headers) { return client.Open(headers).value(); }
  std::int32_t Call(std::string_view path, std::string_view body) {
    return Call(CallHeaders(path), body);
  }
  std::int32_t Call(const Headers& headers, std::string_view body) {
    const std::int32_t id = Open(headers);
    client.Write(id, body);
    client.Finish(id);
    return id;
  }

  // Moves bytes both ways, in pieces of `piece`, until nobody has anything to send.
  void Pump(std::size_t piece = 1 << 20) {
    for (;;) {
      std::string to_server;
      static_cast<void>(client.Produce(to_server, 1 << 20));
      Feed(to_server, piece);
      std::string to_client;
      if (server) server->Produce(to_client, 1 << 20);
      for (std::string_view rest = to_client; !rest.empty();) {
        client_ok = client_ok && client.Receive(rest.substr(0, piece)).has_value();
        rest.remove_prefix(std::min(piece, rest.size()));
      }
      if (to_server.empty() && to_client.empty()) return;
    }
  }

  // What a client that is not ours might send.
  void Feed(std::string_view bytes, std::size_t piece = 1 << 20) {
    while (!bytes.empty() && server && server_open) {
      server_open = server->OnBytes(bytes.substr(0, piece), now);
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }

  // The messages of a finished call, concatenated; its status.
  Status End(std::int32_t id) const { return EndOfCall(*client.Find(id)); }
  std::string Answer(std::int32_t id) {
    GrpcFrameReader reader(64u << 20);
    reader.Append(client.TakeBody(id));
    std::string values;
    while (auto frame = *reader.Next()) {
      google::protobuf::BytesValue message;
      message.ParseFromArray(frame->bytes.data(), static_cast<int>(frame->bytes.size()));
      values += message.value();
    }
    return values;
  }

  ServerLimits limits;
  runtime::Shard shard{0};
  EchoDispatcher dispatcher;
  CallShard calls;
  std::unique_ptr<CallConnection> server;
  Http2ClientSession client;
  MonoNanos now = kNanosPerSecond;
  bool server_open = true;
  bool client_ok = true;

 private:
  void OnOutput() override {}
};

}  // namespace prism::rpc::testing
