#include "branching/proxy/socket_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/os_error.h"
#include "rpc/net/socket_options.h"

namespace prism::branching {
namespace {

// As PostgreSQL's servers do: libpq reads that much of a record at once, leaves the rest in
// OpenSSL, and waits for a socket that has nothing more to say (fe-misc.c, pqReadData).
constexpr std::size_t kMaxRecord = 8192;

constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP;

Error Lost(int number, std::string_view what) {
  return base::OsError(number, "CONNECTION_LOST", what);
}

Error TlsFailed(rpc::TlsFailure why) {
  return Error(Code::kUnauthenticated, "TLS_FAILED",
               "no TLS session: " + std::string(rpc::TlsFailureName(why)));
}

Status Outcome(runtime::WaitResult result) {
  if (result == runtime::WaitResult::kReady) return {};
  if (result == runtime::WaitResult::kCancelled) {
    return std::unexpected(Error(Code::kCancelled, "CANCELLED", "nobody waits any more"));
  }
  return std::unexpected(
      Error(Code::kDeadlineExceeded, "CONNECTION_DEADLINE", "the peer did not answer in time"));
}

}  // namespace

SocketStream::SocketStream(runtime::Shard& shard, StreamBuffers& buffers, base::UniqueFd fd)
    : shard_(shard), buffers_(buffers), fd_(std::move(fd)), readable_(shard), writable_(shard) {}

SocketStream::~SocketStream() {
  if (looking_ != 0) shard_.Unwatch(fd_.get(), *this);
}

Status SocketStream::Start() {
  rpc::SetMessageOptions(fd_.get());
  return Look(EPOLLIN);
}

// The system tells of errors whether it is asked or not: a socket that nobody waits for is not
// looked at.
Status SocketStream::Look(std::uint32_t events) {
  if (events == looking_) return {};
  const std::uint32_t before = std::exchange(looking_, events);
  if (events == 0) {
    shard_.Unwatch(fd_.get(), *this);
    return {};
  }
  return before == 0 ? shard_.Watch(fd_.get(), events, *this)
                     : shard_.Rewatch(fd_.get(), events, *this);
}

void SocketStream::OnReady(std::uint32_t events) {
  const bool lost = (events & (EPOLLHUP | EPOLLERR)) != 0;
  const std::uint32_t ready = lost ? kAll : events & kAll;
  if ((ready & awaited_ & (EPOLLIN | EPOLLRDHUP)) != 0) readable_.Set();
  if ((ready & awaited_ & EPOLLOUT) != 0) writable_.Set();
  const std::uint32_t unwanted = ready & ~awaited_;
  if (unwanted != 0) (void)Look(lost && awaited_ == 0 ? 0 : looking_ & ~unwanted);
}

runtime::Task<Status> SocketStream::WaitFor(std::uint32_t event, Until until) {
  runtime::Event& happened = event == EPOLLOUT ? writable_ : readable_;
  happened.Reset();
  awaited_ |= event;
  Status looks = Look(looking_ | event);
  if (!looks) {
    awaited_ &= ~event;
    co_return looks;
  }
  const runtime::WaitResult result = co_await happened.For(until.deadline, until.cancel);
  awaited_ &= ~event;
  co_return Outcome(result);
}

// Waits for the loop even when there is more to read: a peer that sends as fast as the other takes
// it would keep the shard for itself, and could not be cancelled.
runtime::Task<Result<std::string_view>> SocketStream::ReadSocket(Until until) {
  while (true) {
    Status readable = co_await WaitFor(EPOLLIN, until);
    CO_TRY(std::move(readable));
    const ssize_t got = ::recv(fd_.get(), buffers_.read.data(), buffers_.read.size(), 0);
    if (got >= 0) {
      co_return std::string_view(buffers_.read.data(), static_cast<std::size_t>(got));
    }
    if (errno != EAGAIN && errno != EINTR) co_return std::unexpected(Lost(errno, "reading"));
  }
}

runtime::Task<Status> SocketStream::StartTls(std::shared_ptr<const rpc::TlsContext> context,
                                             std::string seen, Until until) {
  tls_ = std::make_unique<rpc::TlsSession>(std::move(context), kMaxRecord);
  std::string_view input = seen;
  while (true) {
    tls_->Feed(input);
    early_ = tls_->Read(buffers_.plain, owed_);
    const rpc::TlsSession::State state = tls_->state();
    if (tls_->failure() == rpc::TlsFailure::kPlaintext) owed_.clear();  // that is not for HTTP
    const std::string answer = std::exchange(owed_, {});
    Status sent = co_await WriteSocket(answer, until);
    if (state == rpc::TlsSession::State::kFailed) {
      co_return std::unexpected(TlsFailed(tls_->failure()));
    }
    CO_TRY(std::move(sent));
    if (state != rpc::TlsSession::State::kHandshake) co_return Status();
    auto more = co_await ReadSocket(until);
    CO_TRY_ASSIGN(input, std::move(more));
    if (input.empty()) co_return std::unexpected(TlsFailed(rpc::TlsFailure::kGone));
  }
}

runtime::Task<Result<std::string_view>> SocketStream::Read(Until until) {
  if (!early_.empty()) {
    std::memcpy(buffers_.plain.data(), early_.data(), early_.size());
    co_return std::string_view(buffers_.plain.data(), std::exchange(early_, {}).size());
  }
  while (true) {
    if (tls_ != nullptr && tls_->state() == rpc::TlsSession::State::kEnded) {
      co_return std::string_view();
    }
    if (tls_ != nullptr && tls_->state() == rpc::TlsSession::State::kFailed) {
      co_return std::unexpected(TlsFailed(tls_->failure()));
    }
    auto read = co_await ReadSocket(until);
    if (tls_ == nullptr || !read) co_return read;
    // Whoever cut the connection could have cut what was said (RFC 8446 section 6.1).
    if (read->empty()) co_return std::unexpected(TlsFailed(rpc::TlsFailure::kGone));
    tls_->Feed(*read);
    const std::string_view plain = tls_->Read(buffers_.plain, owed_);
    CO_TRY(SendOwed());
    if (!plain.empty()) co_return plain;
  }
}

Result<std::size_t> SocketStream::Send(std::string_view bytes) {
  while (true) {
    const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return std::unexpected(Lost(errno, "writing"));
  }
}

Status SocketStream::SendOwed() {
  if (owed_.empty() || writing_) return {};
  TRY_ASSIGN(const std::size_t sent, Send(owed_));
  owed_.erase(0, sent);
  return {};
}

runtime::Task<Status> SocketStream::Write(std::string_view bytes, Until until) {
  if (bytes.empty()) co_return Status();
  if (tls_ == nullptr) co_return co_await WriteSocket(bytes, until);
  std::string& encrypted = buffers_.encrypted;
  encrypted = std::exchange(owed_, {});
  if (!tls_->Write(bytes, encrypted)) co_return std::unexpected(TlsFailed(tls_->failure()));
  Status written = co_await WriteSocket(encrypted, until);
  CO_TRY(std::move(written));
  co_return SendOwed();
}

// Only what the system does not take at once is kept.
runtime::Task<Status> SocketStream::WriteSocket(std::string_view bytes, Until until) {
  CO_TRY_ASSIGN(const std::size_t sent, Send(bytes));
  if (sent == bytes.size()) co_return Status();
  const std::string rest(bytes.substr(sent));
  std::string_view left = rest;
  writing_ = true;
  Status written;
  while (written && !left.empty()) {
    written = co_await WaitFor(EPOLLOUT, until);
    if (!written) break;
    const auto more = Send(left);
    if (more) left.remove_prefix(*more);
    if (!more) written = std::unexpected(more.error());
  }
  writing_ = false;
  co_return written;
}

runtime::Task<Status> SocketStream::EndOutput(Until until) {
  if (tls_ != nullptr) {
    std::string goodbye = std::exchange(owed_, {});
    tls_->Close(goodbye);
    Status said = co_await WriteSocket(goodbye, until);
    CO_TRY(std::move(said));
  }
  // A peer that has gone needs to be told nothing.
  if (::shutdown(fd_.get(), SHUT_WR) != 0 && errno != ENOTCONN) {
    co_return std::unexpected(Lost(errno, "closing"));
  }
  co_return Status();
}

runtime::Task<Status> SocketStream::WaitUntilGone(Until until) {
  co_return co_await WaitFor(EPOLLRDHUP, until);
}

}  // namespace prism::branching
