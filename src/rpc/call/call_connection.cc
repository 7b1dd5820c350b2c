#include "rpc/call/call_connection.h"

#include <algorithm>
#include <utility>

#include "rpc/http/http1_codec.h"
#include "rpc/http/nghttp2_codec.h"
#include "runtime/wait.h"

namespace prism::rpc {
namespace {

// Whose answers were small for so many calls is taken to ask for little.
constexpr std::uint64_t kSmallCalls = 8;

// What a connection may have in progress when memory is short: enough to get on with.
constexpr std::size_t kFewCalls = 64;

Http2Limits CodecLimits(const ServerLimits& limits) {
  return {.max_concurrent_streams = limits.max_concurrent_streams,
          .max_header_list_bytes = limits.max_header_list_bytes};
}

Http1Limits Http1CodecLimits(const ServerLimits& limits) {
  return {.max_request_line_bytes = limits.max_header_list_bytes / 2,
          .max_head_bytes = limits.max_header_list_bytes};
}

}  // namespace

CallConnection::CallConnection(CallShard& shard, OutputListener& output, std::string peer)
    : shard_(shard),
      output_(output),
      peer_(std::move(peer)),
      last_call_(shard.shard().turn_time()) {}

CallConnection::~CallConnection() {
  while (head_ != nullptr) {
    Call& call = *head_;
    Unlink(call);
    call.Detach();
  }
  codec_.reset();
  shard_.memory().Leave(*this);
  shard_.memory().LetGo(held_bytes());
  shard_.RunReady();
}

bool CallConnection::OnBytes(std::string_view bytes, MonoNanos now) {
  std::string opening;
  if (codec_ == nullptr) [[unlikely]] {
    opening_.append(bytes);
    if (!ChooseCodec()) return true;
    opening = std::exchange(opening_, {});
    bytes = opening;
  }
  const bool open = codec_->OnBytes(bytes, now);
  if (closed_windows_ > 0 && foremost_ == nullptr) [[unlikely]]
    OpenWindows();
  shard_.RunReady();
  return open;
}

// By the first bytes: HTTP/2 begins with "PRI * HTTP/2.0" (RFC 9113 section 3.4), and no method of
// HTTP/1.1 is called PRI. False while they could still be either.
bool CallConnection::ChooseCodec() {
  constexpr std::string_view kHttp2 = "PRI ";
  const auto seen = std::string_view(opening_).substr(0, kHttp2.size());
  if (seen == kHttp2) {
    UseHttp2();
  } else if (!kHttp2.starts_with(seen)) {
    UseHttp1();
  }
  return codec_ != nullptr;
}

void CallConnection::UseHttp1() {
  version_ = HttpVersion::kHttp1;
  codec_ = MakeHttp1Codec(*this, Http1CodecLimits(shard_.limits()), secured_ ? "https" : "http");
  if (announced_) Announce();
}

void CallConnection::UseHttp2() {
  version_ = HttpVersion::kHttp2;
  codec_ = MakeNghttp2Codec(*this, CodecLimits(shard_.limits()), &shard_.frame_buffer());
  if (announced_) Announce();
}

// What was agreed on is held to: bytes of one protocol must never be taken for another's.
void CallConnection::OnSecured(std::string_view protocol) {
  secured_ = true;
  if (draining_) return;
  if (protocol == "h2") UseHttp2();
  if (protocol == "http/1.1") UseHttp1();
}

void CallConnection::Produce(std::string& out, std::size_t limit) {
  if (codec_ == nullptr) return;
  codec_->Produce(out, limit);
  shard_.RunReady();
}

HttpStream* CallConnection::OnStreamStart(std::int32_t) {
  // Calls whose client has given up count until their task has noticed: opening and resetting
  // streams does not get a peer more work in progress. Over HTTP/1.1 such a call gets an answer.
  if (version_ == HttpVersion::kHttp2 && call_count_ >= MaxCalls()) return nullptr;
  Call& call = shard_.Acquire();
  call.next_ = head_;
  call.prev_ = nullptr;
  if (head_ != nullptr) head_->prev_ = &call;
  head_ = &call;
  ++call_count_;
  ++calls_begun_;
  last_call_ = shard_.shard().turn_time();
  call.Begin(*this);
  return &call;
}

std::size_t CallConnection::MaxCalls() const {
  const ServerLimits& limits = shard_.limits();
  return shard_.memory().tight() ? kFewCalls : 2 * std::size_t{limits.max_concurrent_streams};
}

void CallConnection::Unlink(Call& call) {
  (call.prev_ != nullptr ? call.prev_->next_ : head_) = call.next_;
  if (call.next_ != nullptr) call.next_->prev_ = call.prev_;
  call.next_ = nullptr;
  call.prev_ = nullptr;
  --call_count_;
  if (call.parked_) std::erase(parked_, &call);
  OnRequestEnded(call);
}

void CallConnection::OnBodyGone(std::size_t count) {
  if (count == 0) return;
  moved_ += count;
  queued_bytes_ -= count;
  shard_.memory().LetGo(count);
  if (parked_.empty() || queued_bytes_ >= kParkBytes || waits_for_memory()) return;
  Unpark();
}

void CallConnection::Unpark() {
  for (Call* call : std::exchange(parked_, {})) {
    call->parked_ = false;
    call->Queue(Call::kDispatch);
  }
}

void CallConnection::OnHeld(std::size_t was, std::size_t is) {
  held_bytes_ += is - was;
  shard_.memory().Hold(is - was);
}

// While memory is plenty, calls don't wait for what others of their connection have to send.
bool CallConnection::ParkUnlessAllowed(Call& call) {
  const bool behind_answers = queued_bytes_ >= kParkBytes && !shard_.memory().plenty();
  if (!behind_answers) {
    if (MayBegin()) return false;
    WaitForMemory();
  }
  call.parked_ = true;
  parked_.push_back(&call);
  return true;
}

// How large an answer will be nobody knows before. Those that hold little, and ask for little as
// far as is known, must not wait for the others: there is as much for them as for a turn.
bool CallConnection::MayBegin() const {
  const MemoryTurns& memory = shard_.memory();
  if (memory.MayGrow(*this)) return true;
  if (calls_begun_ - large_at_ > kSmallCalls) return !memory.exhausted();
  return large_at_ == 0 && held_bytes() <= MemoryTurns::kFreeBytes && memory.has_room();
}

// The requests of a connection come together, and each is needed whole: while memory is short only
// the one goes on that is nearest to its end.
bool CallConnection::MayOpenWindow(const Call& call) {
  const MemoryTurns& memory = shard_.memory();
  if (!memory.tight()) [[likely]]
    return true;
  if (!memory.MayGrow(*this)) return false;
  if (call.streams_requests()) return true;
  if (foremost_ == nullptr) foremost_ = Foremost();
  return foremost_ == &call || foremost_ == nullptr;
}

Call* CallConnection::Foremost() const {
  Call* best = nullptr;
  for (Call* call = head_; call != nullptr; call = call->next_) {
    if (!call->is_arriving()) continue;
    if (best == nullptr || call->reader_.buffered() > best->reader_.buffered()) best = call;
  }
  return best;
}

void CallConnection::OnWindowClosed() {
  ++closed_windows_;
  if (!shard_.memory().MayGrow(*this)) WaitForMemory();
}

void CallConnection::OpenWindows() {
  for (Call* call = head_; call != nullptr; call = call->next_) {
    if (call->window_closed_) call->GiveBackWindow();
  }
}

void CallConnection::ForgetWindow(Call& call) {
  if (std::exchange(call.window_closed_, false)) OnWindowOpened();
  if (foremost_ == &call) foremost_ = nullptr;
}

void CallConnection::WaitForMemory() {
  MemoryTurns& memory = shard_.memory();
  if (!waits_for_memory()) waits_since_ = shard_.shard().turn_time();
  memory.Wait(*this);
}

void CallConnection::OnRoom(MonoNanos now) {
  waited_ += now - waits_since_;
  foremost_ = nullptr;
  OpenWindows();
  Unpark();
  output_.OnRoom();
  shard_.RunReady();
}

void CallConnection::Terminate(HttpError error) {
  if (codec_ != nullptr) codec_->Terminate(error);
}

// The answer to the ping behind the announcement: the client has seen it, so what it sent before is
// here. Until then it may rightly send new calls.
void CallConnection::OnPong() {
  if (announced_) FinishDrain();
}

void CallConnection::AnnounceDrain() {
  if (announced_) return;
  announced_ = true;
  // Who has only just connected may have asked already: the codec is told once it is known.
  if (codec_ != nullptr) Announce();
}

void CallConnection::Announce() {
  codec_->AnnounceDrain();
  codec_->Ping();
  MarkOutput();
}

void CallConnection::FinishDrain() {
  if (draining_) return;
  draining_ = true;
  if (codec_ != nullptr) codec_->Drain();
  MarkOutput();
}

void CallConnection::EndInput() {
  draining_ = true;
  if (codec_ == nullptr) return;
  codec_->EndInput();
  for (Call* call = head_; call != nullptr; call = call->next_) {
    if (codec_->IsIncomplete(*call)) codec_->Reset(*call, HttpError::kCancel);
  }
  MarkOutput();
}

MonoNanos CallConnection::EndSlowCalls(MonoNanos now) {
  MonoNanos next = runtime::kNoDeadline;
  for (Call* call = head_; call != nullptr; call = call->next_) {
    MonoNanos due = call->peer_due();
    if (due != runtime::kNoDeadline) due += waited_;
    if (due > now) {
      next = std::min(next, due);
    } else {
      call->GiveUpOnPeer();
    }
  }
  shard_.RunReady();
  return next;
}

MonoNanos CallConnection::head_since() const {
  if (codec_ != nullptr) return codec_->head_since();
  return opening_.empty() ? 0 : last_call_;
}

void CallConnection::TimeOutHead() {
  if (codec_ == nullptr) return FinishDrain();
  codec_->TimeOutHead();
  MarkOutput();
}

void CallConnection::Shutdown() {
  for (Call* call = head_; call != nullptr; call = call->next_) call->Shutdown();
  shard_.RunReady();
  FinishDrain();
}

bool CallConnection::Ping() {
  if (codec_ == nullptr || !codec_->Ping()) return false;
  MarkOutput();
  return true;
}

}  // namespace prism::rpc
