// One call on the server: the stream's events on one side, ServerCall on the other, whichever of
// the protocols of call_format.h it speaks.
#pragma once

#include <google/protobuf/arena.h>

#include <array>
#include <coroutine>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/call/base64_stream.h"
#include "rpc/call/call_format.h"
#include "rpc/call/call_shard.h"
#include "rpc/call/grpc_status.h"
#include "rpc/http/http_codec.h"
#include "rpc/request_headers.h"
#include "rpc/server.h"
#include "rpc/wire/grpc_frame.h"
#include "runtime/timer_wheel.h"

namespace prism::rpc {

class CallConnection;

// Life cycle: Acquire from the pool, Begin; it goes back to the pool by itself when the stream has
// closed AND the task has completed AND nothing is queued for it, in whatever order these come. The
// codec may only touch it until OnClose, the connection until Detach, the dispatcher until its task
// has completed. Thread rule: its shard.
class Call final : public ServerCall,
                   public HttpStream,
                   private ResourceReply,
                   private runtime::Timer {
 public:
  explicit Call(CallShard& shard);
  ~Call() override;

  void Begin(CallConnection& connection);
  // The connection is gone: nothing can be answered any more.
  void Detach();
  // What codec events and timers have caused; CallShard::RunReady calls it.
  void RunReady();
  // Ends the call because the server stops.
  void Shutdown();
  // Until when the peer must have sent the rest of the request, or taken the rest of the answer;
  // kNoDeadline while nothing waits for it.
  MonoNanos peer_due() const;
  // It has not.
  void GiveUpOnPeer();
  // What its buffers take while it is in the pool.
  std::size_t kept_bytes() const;

  // ServerCall.
  const contract::MethodInfo& method() const override { return *method_; }
  contract::CallContext& context() override { return *context_; }
  std::string_view Header(std::string_view name) const override { return headers_.Find(name); }
  const HeaderList& AllHeaders() const override { return headers_.list(); }
  std::string_view peer() const override { return peer_; }
  std::string_view peer_identity() const override;
  std::string_view request_bytes() const override { return request_; }
  Protocol protocol() const override {
    return format_ != nullptr ? format_->protocol : Protocol::kHttp;
  }
  CallAccount account() const override {
    return {.bytes_in = bytes_in_, .bytes_out = bytes_out_, .first_message_at = first_message_at_};
  }
  void SetDeadline(MonoNanos when) override;
  void AddHeader(std::string_view name, std::string_view value) override;
  void AddTrailer(std::string_view name, std::string_view value) override;
  void Respond(const google::protobuf::Message& response) override;
  void Finish() override;
  void Fail(const Error& error) override;
  void FailWith(const google::rpc::Status& status) override;
  runtime::Task<Status> Write(const google::protobuf::Message& message) override;
  runtime::Task<Result<bool>> Read(google::protobuf::Message& into) override;

  // HttpStream.
  void OnHeader(std::string_view name, std::string_view value) override;
  void OnHeadersEnd(bool end) override;
  void OnData(std::string_view bytes, bool last) override;
  void OnEnd() override;
  void OnUnreadable(const HttpRefusal& why) override;
  void OnBodyTaken(std::size_t count) override;
  void OnClose(HttpError error) override;
  std::span<const HeaderField> Trailers() override;

 private:
  friend class CallConnection;  // links it

  static constexpr std::size_t kStreamBytes = 1024;  // what the codec has beside it

  enum Work : std::uint8_t {
    kDispatch = 1,
    kWakeReader = 2,
    kWakeWriter = 4,
    kClientGone = 8,
    kDeadlinePassed = 16,
    kShutdown = 32,
  };

  // Where Read and Write wait; one waiter at a time.
  class Wakeup {
   public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
    void await_resume() const noexcept {}
    void Wake() {
      if (waiter_) std::exchange(waiter_, nullptr).resume();
    }

   private:
    std::coroutine_handle<> waiter_ = nullptr;
  };

  // While a Read or Write waits: whoever cancels the call ends the wait.
  class WakeWhenCancelled final : private runtime::CancelCallback {
   public:
    explicit WakeWhenCancelled(Call& call) : call_(call) {
      call.context_->cancel().Register(*this);
    }

   private:
    void OnCancel(runtime::CancelReason) override;  // may end the wait, and with it this, at once

    Call& call_;
  };

  // From here on a message counts with all its copies.
  static constexpr std::size_t kLargeBytes = 16 * 1024;

  void OnTimer() override;
  void Queue(Work work);
  void MaybeRelease();
  void ResetState();
  static runtime::Task<void> Serve(Call& call);
  void OnServed();

  // Request side.
  bool opened() const { return method_ != nullptr || route_ != nullptr || refused_; }
  void NoteIdentity(std::string_view name);
  void TakeIdentity();
  Status CheckHost();
  void AnswerPreflight(bool end);
  Status Open();
  Status OpenCall();
  Status OpenGet();
  Status WrongVerb();
  Status WrongContentType();
  Status NoSuchCall();
  bool may_get() const {
    return method_->access == contract::Access::kRead &&
           method_->kind == contract::StreamKind::kUnary;
  }
  std::uint64_t MaxMessageBytes() const;
  Status CheckEncoding(std::string_view encoding);
  Status CheckLength() const;
  Status CheckTimeout();
  void Refuse(const Error& error, bool end);
  void OnRefusedData(std::string_view bytes, bool last);
  bool streams_requests() const {
    return method_ != nullptr && (method_->kind == contract::StreamKind::kClient ||
                                  method_->kind == contract::StreamKind::kBidi);
  }
  Status DecodeBody(std::string_view text);
  void UpdateHeld(bool open);
  void OnUnaryData(std::string_view bytes, bool last);
  void OnStreamData(std::string_view bytes, bool last);
  void Start();
  Status ReadRequest();
  bool TakeRequest();
  Status Translate();
  ResourceRequest Resource() const {
    return {.method = verb_,
            .target = headers_.Find(":path"),
            .body = raw_,
            .headers = headers_,
            .json = says_json_};
  }
  Result<std::string_view> Decompress(GrpcFrameReader::Frame frame);
  Status Parse(std::string_view bytes, google::protobuf::Message& into) const;
  void GiveBackWindow();
  // The rest of its only message is awaited.
  bool is_arriving() const {
    return stream_open_ && !answered_ && !refused_ && !request_ended_ && !streams_requests() &&
           (method_ != nullptr || route_ != nullptr);
  }

  // Response side.
  Status Alive();
  void OnBodyQueued(std::size_t count);
  void HoldAnswer();
  bool Answer();
  Status AppendMessage(const google::protobuf::Message& message);
  void AppendEncoded(std::string_view bytes);
  void AppendFrame(std::uint8_t flags, std::string_view bytes);
  void AppendEnd(const google::rpc::Status* status);
  void FlushBody();
  void SetHttpStatus(const Error& error);
  void EndWith(const google::rpc::Status& status);
  void EndHttp(const google::rpc::Status& status);
  // ResourceReply, with the AddHeader of ServerCall.
  void SetStatus(std::string_view status) override { http_status_ = status; }
  void AppendBody(std::string_view bytes) override;
  void SendHeaders(bool end);
  bool SetPlainHeaders();
  void DropBody();
  void SetTrailers(const google::rpc::Status* status);
  std::span<const HeaderField> StatusTrailers() const;

  CallShard& shard_;
  CallConnection* connection_ = nullptr;
  Call* next_ = nullptr;  // in the connection's list
  Call* prev_ = nullptr;

  alignas(8) std::array<char, 2048> arena_block_;
  google::protobuf::Arena arena_;
  std::optional<contract::CallContext> context_;
  const contract::MethodInfo* method_ = nullptr;
  const CallFormat* format_ = nullptr;
  const ResourceRoute* route_ = nullptr;
  ResourceCall resource_ = {};  // of the route, once it has translated the request
  std::string_view verb_;       // GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH; empty: any other
  std::string_view peer_;
  std::string peer_copy_;  // once the connection has gone

  RequestHeaders headers_;
  GrpcFrameReader reader_;
  Base64Stream base64_;
  std::string_view request_;
  std::string decompressed_;
  std::string transcoded_;      // the request as protobuf, when it came as something else
  std::string_view raw_;        // the body, for a route
  std::size_t unconsumed_ = 0;  // body bytes that hold the peer's window
  std::size_t held_ = 0;        // of the request, in the connection's account
  std::size_t answered_held_ = 0;
  std::optional<Error> request_error_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  MonoNanos first_message_at_ = 0;

  HeaderList added_;  // what the application adds to the response
  HeaderList added_trailers_;
  std::vector<HeaderField> response_fields_;
  std::vector<HeaderField> trailers_;  // empty: OK alone
  GrpcStatusText status_;
  std::string_view http_status_;   // empty: 200, or what an error makes of it
  std::string_view content_type_;  // of the response; empty: the format's
  std::string length_text_;
  MonoNanos answered_at_ = 0;
  std::uint64_t taken_ = 0;  // bytes of the answer that left since then

  Wakeup reader_wakeup_;
  Wakeup writer_wakeup_;
  std::uint8_t work_ = 0;  // queued Work bits
  bool queued_ = false;
  bool parked_ = false;         // the connection dispatches it later
  bool window_closed_ = false;  // for lack of memory
  bool stream_open_ = false;
  bool running_ = false;   // its task
  bool answered_ = false;  // the end of the response is decided
  bool headers_sent_ = false;
  bool request_ended_ = false;
  bool refused_ = false;        // for request_error_, once the rest of the request has come
  bool get_ = false;            // a call as a GET
  bool says_json_ = false;      // of a route: its body is application/json
  bool strange_codec_ = false;  // gRPC, but with messages that are not known here
  bool has_te_ = false;
  bool headers_too_large_ = false;
  bool names_request_ = false;     // the answer says x-request-id
  std::uint8_t traceparents_ = 0;  // headers of this name; 2: several
  bool gzip_in_ = false;           // messages of the request may be compressed
  bool gzip_out_ = false;          // those of the response may
  bool body_gzip_ = false;         // the unframed body of the response is
};

}  // namespace prism::rpc
