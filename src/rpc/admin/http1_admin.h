// HTTP/1.1 GET for the admin port: health, metrics, version. Not a web server: no bodies, no
// uploads.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::rpc {

struct HttpReply {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Implemented by app/. Called on the admin server's shard.
class HttpGetHandler {
 public:
  virtual ~HttpGetHandler() = default;
  // `target` is the path with its query, "/readyz?verbose".
  virtual runtime::Task<HttpReply> Get(std::string target) = 0;
};

struct Http1AdminLimits {
  std::size_t max_connections = 256;
  std::size_t max_header_bytes = 8 * 1024;      // 431 beyond it
  std::chrono::milliseconds idle_time{30'000};  // between requests, and for one to arrive
};

class Http1Connection;

// Life cycle: construct, Adopt sockets, Close, then co_await Drained before it is destroyed. Shard
// thread only.
class Http1AdminServer {
 public:
  Http1AdminServer(runtime::Shard& shard, HttpGetHandler& handler, Http1AdminLimits limits = {});
  ~Http1AdminServer();

  // Takes over a connected, non-blocking socket. Above max_connections it is closed at once.
  void Adopt(int fd);
  // Closes all connections; requests that run are finished, their answers dropped.
  void Close();
  auto Drained() { return group_.Join(); }

 private:
  friend class Http1Connection;
  void Forget(Http1Connection& connection);

  runtime::Shard& shard_;
  HttpGetHandler& handler_;
  Http1AdminLimits limits_;
  runtime::TaskGroup group_;
  std::unordered_map<Http1Connection*, std::shared_ptr<Http1Connection>> connections_;
};

}  // namespace prism::rpc
