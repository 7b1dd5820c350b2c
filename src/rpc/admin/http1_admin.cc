#include "rpc/admin/http1_admin.h"

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

namespace prism::rpc {
namespace {

namespace http = boost::beast::http;

std::string FormatReply(const HttpReply& reply, bool head, bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(reply.status));
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: "
      "no-store\r\n{}\r\n",
      reply.status, std::string_view(reason.data(), reason.size()), reply.content_type,
      reply.body.size(), keep_alive ? "" : "Connection: close\r\n");
  if (!head) text += reply.body;
  return text;
}

HttpReply Problem(int status, std::string_view reason, std::string_view advice) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = fmt::format("{}: {}\n", reason, advice)};
}

}  // namespace

// One client. Requests are answered one after the other: what is pipelined waits in the socket.
class Http1Connection final : public runtime::FdHandler,
                              private runtime::Timer,
                              public std::enable_shared_from_this<Http1Connection> {
 public:
  Http1Connection(Http1AdminServer& server, int fd) : server_(server), fd_(fd) {}
  ~Http1Connection() override { Shut(); }

  bool Start() {
    if (!server_.shard_.Watch(fd_, EPOLLIN, *this)) return false;
    NextRequest();
    return true;
  }

  // After this nothing of the connection runs but a handler's answer, which finds it closed.
  void Shut() {
    if (fd_ < 0) return;
    Disarm();
    server_.shard_.Unwatch(fd_, *this);
    ::close(fd_);
    fd_ = -1;
  }

  void OnReady(std::uint32_t events) override {
    const auto self = shared_from_this();
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return End();
    if ((events & EPOLLOUT) != 0 && !Flush()) return;
    if ((events & EPOLLIN) != 0) Read();
  }

 private:
  using Parser = http::request_parser<http::empty_body>;

  void OnTimer() override {
    const auto self = shared_from_this();
    End();
  }

  void End() {
    Shut();
    server_.Forget(*this);
  }

  void NextRequest() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.limits_.max_header_bytes));
    server_.shard_.ArmTimerAt(*this,
                              MonotonicNow() + server_.limits_.idle_time.count() * kNanosPerMilli);
  }

  void Read() {
    std::array<char, 4096> bytes;
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return End();
    in_.append(bytes.data(), static_cast<std::size_t>(got));
    Parse();
  }

  // Gives the parser what has arrived; starts the handler when a request is complete.
  void Parse() {
    while (fd_ >= 0 && !busy_ && !in_.empty()) {
      boost::beast::error_code error;
      const std::size_t used = parser_->put(boost::asio::buffer(in_), error);
      in_.erase(0, used);
      if (error == http::error::need_more) return;
      if (error == http::error::header_limit) {
        return Refuse(Problem(431, "HEADERS_TOO_LARGE", "send fewer or shorter headers"));
      }
      if (error == http::error::unexpected_body || error == http::error::body_limit) {
        return Refuse(
            Problem(413, "BODY_NOT_ALLOWED", "the admin port takes requests without a body"));
      }
      if (error) return Refuse(Problem(400, "MALFORMED_REQUEST", "this is not HTTP/1.1"));
      if (!parser_->is_done()) {
        if (used == 0) return;
        continue;
      }
      Handle();
    }
  }

  void Handle() {
    const auto& request = parser_->get();
    keep_alive_ = request.keep_alive();
    head_ = request.method() == http::verb::head;
    if (!head_ && request.method() != http::verb::get) {
      return Refuse(Problem(405, "METHOD_NOT_ALLOWED", "the admin port answers GET and HEAD"));
    }
    busy_ = true;
    Disarm();
    // What arrives meanwhile waits in the socket: nobody would take it out of the loop's sight.
    if (!server_.shard_.Rewatch(fd_, 0, *this)) return End();
    server_.group_.Spawn(
        Answer(shared_from_this(), std::string(request.target().data(), request.target().size())));
  }

  static runtime::Task<void> Answer(std::shared_ptr<Http1Connection> self, std::string target) {
    const HttpReply reply = co_await self->server_.handler_.Get(std::move(target));
    if (self->fd_ < 0) co_return;
    self->Send(reply);
    if (self->fd_ < 0) co_return;
    self->busy_ = false;
    self->NextRequest();
    self->Parse();
  }

  void Refuse(const HttpReply& reply) {
    keep_alive_ = false;
    Send(reply);
  }

  void Send(const HttpReply& reply) {
    out_ += FormatReply(reply, head_, keep_alive_);
    Flush();
  }

  // False when the connection has ended.
  bool Flush() {
    while (!out_.empty()) {
      const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) {
        // A client that does not read its answer is cut off like one that does not send its
        // request.
        server_.shard_.ArmTimerAt(
            *this, MonotonicNow() + server_.limits_.idle_time.count() * kNanosPerMilli);
        if (server_.shard_.Rewatch(fd_, EPOLLIN | EPOLLOUT, *this)) return true;
      }
      if (sent < 0) {
        End();
        return false;
      }
      out_.erase(0, static_cast<std::size_t>(sent));
    }
    if (!keep_alive_) {
      End();
      return false;
    }
    if (server_.shard_.Rewatch(fd_, EPOLLIN, *this)) return true;
    End();
    return false;
  }

  Http1AdminServer& server_;
  int fd_;
  std::optional<Parser> parser_;
  std::string in_;
  std::string out_;
  bool busy_ = false;  // a handler runs
  bool keep_alive_ = true;
  bool head_ = false;
};

Http1AdminServer::Http1AdminServer(runtime::Shard& shard, HttpGetHandler& handler,
                                   Http1AdminLimits limits)
    : shard_(shard), handler_(handler), limits_(limits) {}

Http1AdminServer::~Http1AdminServer() = default;

void Http1AdminServer::Adopt(int fd) {
  if (connections_.size() >= limits_.max_connections) {
    ::close(fd);
    return;
  }
  auto connection = std::make_shared<Http1Connection>(*this, fd);
  if (connection->Start()) connections_.emplace(connection.get(), std::move(connection));
}

void Http1AdminServer::Close() {
  for (auto& [key, connection] : connections_) connection->Shut();
  connections_.clear();
}

void Http1AdminServer::Forget(Http1Connection& connection) { connections_.erase(&connection); }

}  // namespace prism::rpc
