#include "backends/redis/reply_reader.h"

#include <fmt/format.h>
#include <hiredis/read.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <system_error>
#include <utility>

namespace prism::backends {
namespace {

// hiredis keeps what its functions return and asks nothing of it but that it is there.
char something = 0;  // NOLINT: an address alone

// Of what is no bulk: errors and statuses are sentences. A longer one would be searched for its end
// again and again.
constexpr std::size_t kMaxLine = std::size_t{64} * 1024;

// hiredis gives the buffer of a large reply back when the next one comes, which may be never.
constexpr std::size_t kKeptBytes = std::size_t{256} * 1024;

int DepthOf(const redisReadTask* task) {
  int depth = 0;
  for (; task->parent != nullptr; task = task->parent) ++depth;
  return depth;
}

ReplyPart::Kind KindOf(int type) {
  switch (type) {
    case REDIS_REPLY_ERROR:
      return ReplyPart::Kind::kError;
    case REDIS_REPLY_STATUS:
      return ReplyPart::Kind::kStatus;
    default:
      return ReplyPart::Kind::kBulk;
  }
}

}  // namespace

ReplyReader::ReplyReader(ReplyLimits limits) : limits_(limits) { Begin(); }

ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

void ReplyReader::Begin() {
  static redisReplyObjectFunctions functions = {
      .createString = &TakeString,
      .createArray = &TakeArray,
      .createInteger = &TakeInteger,
      .createNil = &TakeNil,
      .freeObject = [](void*) {},
  };
  reader_ = redisReaderCreateWithFunctions(&functions);
  if (reader_ == nullptr) throw std::bad_alloc();
  reader_->privdata = this;
  largest_ = 0;
}

Status ReplyReader::Feed(std::string_view bytes) {
  if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
    return std::unexpected(Violation());
  }
  largest_ = std::max(largest_, reader_->len);
  return {};
}

Result<ReplyReader::Outcome> ReplyReader::Read(ReplySink& sink) {
  sink_ = &sink;
  void* whole = nullptr;
  const int read = redisReaderGetReply(reader_, &whole);
  sink_ = nullptr;
  if (read != REDIS_OK) return std::unexpected(Violation());
  if (whole == nullptr) {
    too_large_ = AnnouncesTooMuch();
    if (too_large_) return std::unexpected(Violation());
    return Outcome::kMore;
  }
  parts_ = 0;
  if (largest_ > kKeptBytes && pending() == 0) {
    redisReaderFree(reader_);
    Begin();
  }
  const bool refused = std::exchange(refused_, false);
  if (std::exchange(unwanted_, false)) return Outcome::kUnwanted;
  return refused ? Outcome::kRefused : Outcome::kReply;
}

std::size_t ReplyReader::pending() const { return reader_->len - reader_->pos; }

// hiredis hands over what is whole: a bulk that announces too much would be waited for.
bool ReplyReader::AnnouncesTooMuch() const {
  if (reader_->ridx < 0 || pending() == 0) return false;
  const std::string_view begun(reader_->buf + reader_->pos, pending());  // behind its type byte
  if (reader_->rstack[reader_->ridx].type != REDIS_REPLY_STRING) return begun.size() > kMaxLine;
  std::size_t announced = 0;
  const auto [end, error] = std::from_chars(begun.data(), begun.data() + begun.size(), announced);
  if (error == std::errc()) return announced > limits_.max_bytes;
  return error == std::errc::result_out_of_range || begun.size() > kMaxLine;
}

void* ReplyReader::Take(const redisReadTask* task, ReplyPart part) {
  if (++parts_ > limits_.max_parts) {
    too_many_ = true;
    return nullptr;
  }
  part.depth = DepthOf(task);
  if (part.kind == ReplyPart::Kind::kError && part.depth == 0) {
    refused_ = true;
    error_text_ = part.text;
  } else if (!unwanted_ && !sink_->Take(part)) {
    unwanted_ = true;
  }
  return &something;
}

void* ReplyReader::TakeString(const redisReadTask* task, char* text, std::size_t size) {
  auto* self = static_cast<ReplyReader*>(task->privdata);
  self->too_large_ = size > self->limits_.max_bytes;
  if (self->too_large_) return nullptr;
  return self->Take(task, {.kind = KindOf(task->type), .text = {text, size}});
}

void* ReplyReader::TakeArray(const redisReadTask* task, int elements) {
  auto* self = static_cast<ReplyReader*>(task->privdata);
  if (static_cast<std::size_t>(elements) > self->limits_.max_parts) {
    self->too_many_ = true;
    return nullptr;
  }
  return self->Take(task, {.kind = ReplyPart::Kind::kArray, .number = elements});
}

void* ReplyReader::TakeInteger(const redisReadTask* task, long long value) {
  return static_cast<ReplyReader*>(task->privdata)
      ->Take(task, {.kind = ReplyPart::Kind::kInteger, .number = value});
}

void* ReplyReader::TakeNil(const redisReadTask* task) {
  return static_cast<ReplyReader*>(task->privdata)->Take(task, {.kind = ReplyPart::Kind::kNil});
}

// hiredis' own sentences quote what came; these don't.
Error ReplyReader::Violation() const {
  if (too_many_) {
    return Error(Code::kUnavailable, "BACKEND_PROTOCOL",
                 fmt::format("a reply of the server has more than {} parts: nothing that was asked "
                             "for has",
                             limits_.max_parts));
  }
  if (too_large_) {
    return Error(Code::kUnavailable, "BACKEND_PROTOCOL",
                 fmt::format("the server announces a reply of more than {} bytes: something else "
                             "has written such a value; remove it, or raise the limit",
                             limits_.max_bytes));
  }
  return Error(Code::kUnavailable, "BACKEND_PROTOCOL",
               "what answers at this address does not speak the protocol of Redis (RESP2): check "
               "the port, and whether it wants TLS");
}

}  // namespace prism::backends
