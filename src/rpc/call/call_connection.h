// One HTTP connection with its calls, without a socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/call/call.h"
#include "rpc/call/call_shard.h"
#include "rpc/call/local_hosts.h"
#include "rpc/call/memory_turns.h"
#include "rpc/http/http_codec.h"

namespace prism::rpc {

// Whoever moves the bytes.
class OutputListener {
 public:
  // There is something to send.
  virtual void OnOutput() = 0;
  // The connection may hold more again: what was not read for that reason may be.
  virtual void OnRoom() {}

 protected:
  ~OutputListener() = default;
};

// Owns the codec and the calls that are on it. Destroying it cancels what still runs; those calls
// live on without it until their tasks end. Thread rule: its shard.
class CallConnection final : private HttpEvents, public MemoryTurns::Entry {
 public:
  CallConnection(CallShard& shard, OutputListener& output, std::string peer);
  CallConnection(const CallConnection&) = delete;
  CallConnection& operator=(const CallConnection&) = delete;
  virtual ~CallConnection();

  // What the connection proves of its peer (ServerCall::peer_identity).
  void Identify(std::string identity) { identity_ = std::move(identity); }
  const std::string& identity() const { return identity_; }
  // Requests that name another host are refused from now on.
  void Require(std::shared_ptr<const LocalHosts> hosts) { hosts_ = std::move(hosts); }
  // The connection is encrypted; `protocol` is what ALPN chose (RFC 7301), empty: the first bytes
  // tell. Before OnBytes.
  void OnSecured(std::string_view protocol);
  // Feeds the codec, then runs what became ready. False: send what Produce has, then close.
  bool OnBytes(std::string_view bytes, MonoNanos now);
  // Appends what is to be sent; runs what that made ready.
  void Produce(std::string& out, std::size_t limit);
  bool wants_write() const { return codec_ != nullptr && codec_->wants_write(); }
  // False: the peer must not be read from for now.
  bool wants_read() const { return codec_ == nullptr || codec_->wants_read(); }
  // Nothing can come or go any more, and nobody works on an answer.
  bool finished() const { return codec_ != nullptr ? codec_->finished() : draining_; }
  // A part of an answer was sent, and its rest will never be.
  bool cut_short() const { return codec_ != nullptr && codec_->cut_short(); }
  HttpVersion version() const { return version_; }
  // The peer has broken the rules of HTTP.
  bool broken() const { return codec_ != nullptr && codec_->broken(); }
  std::size_t open_calls() const { return call_count_; }
  // Response bytes that wait for the peer's window or for Produce.
  std::size_t queued_bytes() const { return queued_bytes_; }
  std::uint64_t calls_begun() const { return calls_begun_; }
  // Bytes that no call has got yet.
  std::size_t buffered_bytes() const {
    return codec_ != nullptr ? codec_->buffered_bytes() : opening_.size();
  }
  // What its calls make the server hold: requests that are not answered, answers that wait.
  std::size_t held_bytes() const { return queued_bytes_ + held_bytes_; }
  // The part of it that more requests make larger.
  std::size_t asked_bytes() const { return held_bytes_ - answered_bytes_; }
  // Bytes of requests that came, and of answers that left.
  std::uint64_t moved() const { return moved_; }
  // The peer has more to say than may be held for now: OutputListener::OnRoom follows.
  void WaitForMemory();
  // For so long, in all, the peer could not go on because of others.
  MonoNanos waited() const { return waited_; }
  // When the last call began, or the connection.
  MonoNanos last_call() const { return last_call_; }
  const std::string& peer() const { return peer_; }

  // First AnnounceDrain; the client's answer to it, or FinishDrain, refuses further calls.
  void AnnounceDrain();
  void FinishDrain();
  // The peer sends no more: what it has asked completely is answered, the rest is cancelled.
  void EndInput();
  // Gives up on requests that come, and answers that are taken, too slowly. When to ask again,
  // kNoDeadline when nothing waits for the peer.
  MonoNanos EndSlowCalls(MonoNanos now);
  // Since when the peer owes the rest of a head; 0: it does not.
  MonoNanos head_since() const;
  void TimeOutHead();
  // Ends all calls with UNAVAILABLE and refuses more: what Produce has then is the last.
  void Shutdown();
  // Ends the connection with a reason, if its version of HTTP has any.
  void Terminate(HttpError error);
  // Asks the peer for a sign of life. False: its version of HTTP has none.
  bool Ping();

 private:
  friend class Call;

  HttpStream* OnStreamStart(std::int32_t id) override;
  void OnRoom(MonoNanos now) override;
  bool PutsOff() const override { return closed_windows_ > 0 || !parked_.empty(); }
  std::size_t HeldNow() const override { return held_bytes(); }
  std::uint64_t Moved() const override { return moved_; }
  void OnPong() override;

  HttpCodec& codec() { return *codec_; }
  void MarkOutput() { output_.OnOutput(); }
  void OnBodyQueued(std::size_t count) {
    queued_bytes_ += count;
    shard_.memory().Hold(count);
  }
  void OnBodyGone(std::size_t count);
  void OnBodyCame(std::size_t count) { moved_ += count; }
  void OnLargeAnswer() { large_at_ = calls_begun_; }
  void OnAnswered(std::size_t held) { answered_bytes_ += held; }
  void OnAnsweredGone(std::size_t held) { answered_bytes_ -= held; }
  // What a request makes the server hold has changed.
  void OnHeld(std::size_t was, std::size_t is);
  // True: so much is held already that this call has to wait, and it will be queued again.
  bool Park(Call& call) {
    const MemoryTurns& memory = shard_.memory();
    if (queued_bytes_ < kParkBytes && !memory.tight()) [[likely]]
      return false;
    return ParkUnlessAllowed(call);
  }
  bool ParkUnlessAllowed(Call& call);
  bool MayBegin() const;
  void Unpark();
  // Whether the peer may send more of this request. False: it is told when it may.
  bool MayOpenWindow(const Call& call);
  void OnWindowClosed();
  void OnWindowOpened() { --closed_windows_; }
  void OpenWindows();
  void OnRequestEnded(Call& call) {
    if (call.window_closed_ || foremost_ == &call) [[unlikely]]
      ForgetWindow(call);
  }
  void ForgetWindow(Call& call);
  Call* Foremost() const;
  std::size_t MaxCalls() const;
  void Unlink(Call& call);
  // Over HTTP/1.1, where such a call has begun and is answered.
  bool has_too_many_calls() const {
    return version_ == HttpVersion::kHttp1 && call_count_ > MaxCalls();
  }
  bool ChooseCodec();
  void UseHttp1();
  void UseHttp2();
  void Announce();

  // Answers of this size are enough to keep any peer busy.
  static constexpr std::size_t kParkBytes = 256 * 1024;

  CallShard& shard_;
  OutputListener& output_;
  std::string peer_;
  std::string identity_;
  std::shared_ptr<const LocalHosts> hosts_;  // null: any
  std::string opening_;                      // what came before it was clear which HTTP this is
  std::unique_ptr<HttpCodec> codec_;
  HttpVersion version_ = HttpVersion::kNone;
  Call* head_ = nullptr;
  std::size_t call_count_ = 0;
  std::uint64_t calls_begun_ = 0;
  std::size_t queued_bytes_ = 0;
  std::size_t held_bytes_ = 0;      // of calls
  std::size_t answered_bytes_ = 0;  // of those that are answered
  std::uint64_t moved_ = 0;
  std::uint64_t large_at_ = 0;  // calls_begun_ at the last large answer
  MonoNanos waits_since_ = 0;
  MonoNanos waited_ = 0;
  std::vector<Call*> parked_;
  std::size_t closed_windows_ = 0;  // calls that may not go on for lack of memory
  const Call* foremost_ = nullptr;  // whose request may grow while the connection has the turn
  MonoNanos last_call_;
  bool secured_ = false;  // by TLS
  bool announced_ = false;
  bool draining_ = false;
};

}  // namespace prism::rpc
