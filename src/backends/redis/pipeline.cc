#include "backends/redis/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace prism::backends {
namespace {

// What has left is taken off the front of the output in pieces of this size at least.
constexpr std::size_t kCompactBytes = std::size_t{64} * 1024;
// Kept for the next requests; a large command leaves no large buffer behind.
constexpr std::size_t kKeptBytes = std::size_t{512} * 1024;

Error Unexpected() {
  return Error(Code::kInternal, "BACKEND_REPLY_UNEXPECTED",
               "the Redis server answered with something that is no answer to the command: it is "
               "no Redis server, or a proxy that changes replies stands before it");
}

Error Unasked() {
  return Error(Code::kUnavailable, "BACKEND_PROTOCOL",
               "the server sent a reply that nothing was asked for");
}

}  // namespace

Pipeline::Pipeline(PipelineLimits limits, DriverCounters& counters)
    : limits_(limits), counters_(counters), slots_(limits.in_flight) {
  PRISM_CHECK((limits.in_flight & (limits.in_flight - 1)) == 0 && limits.in_flight > 0,
              "in_flight is a power of two");
}

Status Pipeline::Add(PipelinedRequest& request) {
  counters_.Asked();
  const std::size_t bytes = RespPayload(request.command_);
  if (waiting_ >= limits_.waiting) {
    counters_.Ended(RequestEnd::kOverloaded);
    return std::unexpected(BackendOverloaded(fmt::format("{}", limits_.waiting)));
  }
  if (waiting_ > 0 && waiting_bytes_ + bytes > limits_.waiting_bytes) {
    counters_.Ended(RequestEnd::kOverloaded);
    return std::unexpected(BackendOverloaded(fmt::format("{} bytes", limits_.waiting_bytes)));
  }
  Append(request);
  return {};
}

void Pipeline::AddLogin(PipelinedRequest& request) {
  PRISM_CHECK(in_flight() < slots_.size(), "a login is the first on its connection");
  counters_.Asked();
  Send(request, true);
}

Executed Pipeline::Forget(PipelinedRequest& request) {
  if (request.place_ == PipelinedRequest::Place::kWaiting) {
    Unlink(request);
    return Executed::kNo;
  }
  PRISM_CHECK(request.place_ == PipelinedRequest::Place::kSent, "only what was added is forgotten");
  request.place_ = PipelinedRequest::Place::kNone;
  At(request.number_).request = nullptr;
  return Executed::kMaybe;
}

void Pipeline::Begin() { reader_.emplace(limits_.reply); }

void Pipeline::Fill() {
  while (open_ && head_ != nullptr && in_flight() < slots_.size() &&
         output_.size() - taken_ < limits_.output_bytes) {
    PipelinedRequest& request = *head_;
    Unlink(request);
    Send(request, false);
  }
}

void Pipeline::Send(PipelinedRequest& request, bool login) {
  const std::size_t before = output_.size();
  AppendRespCommand(output_, request.command_);
  written_ += output_.size() - before;
  request.place_ = PipelinedRequest::Place::kSent;
  request.number_ = last_;
  At(last_++) = {.request = &request, .end = written_, .login = login};
}

void Pipeline::Sent(std::size_t bytes) {
  counters_.Sent(bytes);
  sent_ += bytes;
  taken_ += bytes;
  if (taken_ == output_.size()) {
    output_.clear();
    if (output_.capacity() > kKeptBytes) output_.shrink_to_fit();
    taken_ = 0;
  } else if (taken_ >= kCompactBytes) {
    output_.erase(0, taken_);
    taken_ = 0;
  }
}

Status Pipeline::Receive(std::string_view bytes) {
  counters_.Received(bytes.size());
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, ReplyReader::kPiece);
    bytes.remove_prefix(piece.size());
    TRY(reader_->Feed(piece));
    TRY(TakeReplies());
  }
  return {};
}

Status Pipeline::TakeReplies() {
  while (reader_->pending() > 0) {
    Slot nobody{.request = nullptr, .end = 0, .login = false};
    // A command can be answered when it is there as a whole.
    const bool asked = in_flight() > 0 && At(first_).end <= sent_;
    const Slot& slot = asked ? At(first_) : nobody;
    ReplySink& sink = slot.request != nullptr ? slot.request->sink_ : ignored_;
    TRY_ASSIGN(const ReplyReader::Outcome outcome, reader_->Read(sink));
    if (outcome == ReplyReader::Outcome::kMore) return {};
    if (!asked) {
      // As a server that has too many clients does: it says so and closes.
      return std::unexpected(outcome == ReplyReader::Outcome::kRefused
                                 ? RedisError(reader_->error_text())
                                 : Unasked());
    }
    ++first_;
    ++answered_;
    TRY(TakeReply(slot, outcome));
  }
  return {};
}

Status Pipeline::TakeReply(const Slot& slot, ReplyReader::Outcome outcome) {
  PipelinedRequest* const request = slot.request;
  if (outcome == ReplyReader::Outcome::kReply) {
    if (request != nullptr) End(*request, {}, RequestEnd::kAnswered);
    return {};
  }
  const bool refused = outcome == ReplyReader::Outcome::kRefused;
  if (refused && request == nullptr && !reader_->error_text().starts_with("NOAUTH")) return {};
  const Error error = refused ? RedisError(reader_->error_text()) : Unexpected();
  if (request != nullptr) {
    End(*request, std::unexpected(error), refused ? RequestEnd::kRefused : RequestEnd::kMalformed);
  }
  // Of a login that is refused who logs in takes care. Later the connection is of no use any more.
  if (!refused || (open_ && IsLoginRefused(error))) return std::unexpected(error);
  return {};
}

void Pipeline::Lose(const Error& cause) {
  open_ = false;
  const Error gone = BackendUnavailable(cause, Executed::kMaybe);
  while (first_ != last_ && At(first_).end <= sent_) {
    if (PipelinedRequest* request = At(first_).request) {
      End(*request, std::unexpected(gone), RequestEnd::kLost);
    }
    ++first_;
  }
  // The newest first, so that the oldest stands in front.
  while (first_ != last_) {
    const Slot& slot = At(--last_);
    if (slot.request == nullptr) continue;
    if (slot.login) {
      End(*slot.request, std::unexpected(BackendUnavailable(cause, Executed::kNo)),
          RequestEnd::kUnreached);
    } else {
      Prepend(*slot.request);
    }
  }
  output_.clear();
  taken_ = 0;
  written_ = 0;
  sent_ = 0;
  reader_.reset();
}

void Pipeline::FailWaiting(const Error& cause, RequestEnd how) {
  while (head_ != nullptr) {
    PipelinedRequest& request = *head_;
    Unlink(request);
    End(request, std::unexpected(cause), how);
  }
}

void Pipeline::End(PipelinedRequest& request, Status status, RequestEnd how) {
  counters_.Ended(how);
  request.place_ = PipelinedRequest::Place::kNone;
  request.OnEnd(std::move(status));
}

void Pipeline::Append(PipelinedRequest& request) {
  request.prev_ = tail_;
  request.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &request;
  tail_ = &request;
  request.place_ = PipelinedRequest::Place::kWaiting;
  ++waiting_;
  waiting_bytes_ += RespPayload(request.command_);
}

void Pipeline::Prepend(PipelinedRequest& request) {
  request.prev_ = nullptr;
  request.next_ = head_;
  (head_ != nullptr ? head_->prev_ : tail_) = &request;
  head_ = &request;
  request.place_ = PipelinedRequest::Place::kWaiting;
  ++waiting_;
  waiting_bytes_ += RespPayload(request.command_);
}

void Pipeline::Unlink(PipelinedRequest& request) {
  (request.prev_ != nullptr ? request.prev_->next_ : head_) = request.next_;
  (request.next_ != nullptr ? request.next_->prev_ : tail_) = request.prev_;
  request.next_ = nullptr;
  request.prev_ = nullptr;
  request.place_ = PipelinedRequest::Place::kNone;
  --waiting_;
  waiting_bytes_ -= RespPayload(request.command_);
}

}  // namespace prism::backends
