// HttpCodec on nghttp2. HTTP message validation is on; window updates are ours.
#include "rpc/http/nghttp2_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <vector>

#include "rpc/http/http2_guard.h"
#include "rpc/http/nghttp2_idle.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kFrameHeaderBytes = 9;
constexpr std::size_t kMaxInlineHeaders = 16;
// SETTINGS entries that one frame may carry; there are fewer than ten in use.
constexpr std::size_t kMaxSettings = 32;
// DATA frames below this size do not excuse window updates: opening the window byte by byte is an
// attack.
constexpr std::size_t kProgressBytes = 1024;
constexpr std::uint8_t kPingPayload[8] = {'p', 'r', 'i', 's', 'm', 0, 0, 1};

// nghttp2's structs have no const, but it never writes through them.
std::uint8_t* Bytes(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

std::string_view Text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Whether the library gave up because of too much of something; OnHeader fails for that reason
// only.
bool IsFlood(ssize_t error) {
  return error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS || error == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
         error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_CALLBACK_FAILURE;
}

// HeaderFields as nghttp2 wants them; names and values are referred to, not copied.
class NvArray {
 public:
  explicit NvArray(std::span<const HeaderField> fields) : size_(fields.size()) {
    if (size_ > kMaxInlineHeaders) {
      many_.resize(size_);
      data_ = many_.data();
    }
    for (std::size_t i = 0; i < size_; ++i) {
      const HeaderField& field = fields[i];
      constexpr int kNoCopy = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
      data_[i] = {.name = Bytes(field.name),
                  .value = Bytes(field.value),
                  .namelen = field.name.size(),
                  .valuelen = field.value.size(),
                  .flags = static_cast<std::uint8_t>(
                      kNoCopy | (field.unique ? NGHTTP2_NV_FLAG_NO_INDEX : 0))};
    }
  }
  NvArray(const NvArray&) = delete;
  NvArray& operator=(const NvArray&) = delete;

  const nghttp2_nv* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::array<nghttp2_nv, kMaxInlineHeaders> few_;
  std::vector<nghttp2_nv> many_;
  nghttp2_nv* data_ = few_.data();
};

class Nghttp2Codec final : public HttpCodec {
 public:
  Nghttp2Codec(HttpEvents& events, const Http2Limits& limits, FrameBuffer* shared);
  ~Nghttp2Codec() override { nghttp2_session_del(session_); }

  bool OnBytes(std::string_view bytes, MonoNanos now) override;
  void Produce(std::string& out, std::size_t limit) override;
  bool wants_write() const override { return nghttp2_session_want_write(session_) != 0; }
  bool wants_read() const override { return true; }
  bool finished() const override {
    return nghttp2_session_want_write(session_) == 0 &&
           (broken_ || nghttp2_session_want_read(session_) == 0);
  }
  bool broken() const override { return broken_ || complained_; }

  MonoNanos head_since() const override { return guard_.incomplete_since(); }
  void TimeOutHead() override { Terminate(HttpError::kEnhanceYourCalm); }
  void EndInput() override { Drain(); }
  bool IsIncomplete(const HttpStream& stream) const override {
    return nghttp2_session_get_stream_remote_close(session_, stream.id) == 0;
  }

  void Respond(HttpStream& stream, std::span<const HeaderField> headers, bool end) override;
  void ResumeBody(HttpStream& stream) override { nghttp2_session_resume_data(session_, stream.id); }
  void Consume(HttpStream& stream, std::size_t count) override {
    nghttp2_session_consume_stream(session_, stream.id, count);
  }
  void Reset(HttpStream& stream, HttpError error) override {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id,
                              static_cast<std::uint32_t>(error));
  }

  bool Ping() override {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kPingPayload);
    return true;
  }
  void AnnounceDrain() override { nghttp2_submit_shutdown_notice(session_); }
  void Drain() override {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
  }
  void Terminate(HttpError error) override {
    nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(error));
  }

 private:
  using Session = nghttp2_session;
  static Nghttp2Codec& Self(void* user) { return *static_cast<Nghttp2Codec*>(user); }
  static void SetCallbacks(nghttp2_session_callbacks* callbacks);
  HttpStream* Find(std::int32_t id) const {
    return static_cast<HttpStream*>(nghttp2_session_get_stream_user_data(session_, id));
  }

  void Break(HttpError error);

  // nghttp2's callbacks, in the order in which they come for a request and its response.
  void OnBeginData(const nghttp2_frame_hd& frame);
  void OnBeginRequest(std::int32_t id);
  int OnHeader(std::string_view name, std::string_view value);
  void OnFrame(const nghttp2_frame& frame);
  void OnChunk(std::int32_t id, std::string_view bytes);
  ssize_t ReadBody(HttpStream& stream, std::size_t room, std::uint32_t& flags);
  int WriteBody(HttpStream& stream, std::string_view frame_header, std::size_t size);
  void OnSent(const nghttp2_frame& frame);
  void OnClose(std::int32_t id, std::uint32_t error);

  HttpEvents& events_;
  FrameBuffer* const shared_;
  Http2FrameGuard guard_;
  Session* session_ = nullptr;
  HttpStream* header_stream_ = nullptr;  // whose headers are arriving
  const std::size_t max_decoded_header_bytes_;
  std::size_t decoded_header_bytes_ = 0;  // of the header block that is arriving
  MonoNanos now_ = 0;                     // of the last OnBytes
  bool chunk_is_last_ = false;            // of the DATA frame that is arriving
  bool ended_by_chunk_ = false;           // its END_STREAM was reported with the last chunk
  std::uint32_t frame_left_ = 0;          // bytes of that DATA frame still to come
  std::size_t unacknowledged_ = 0;        // body bytes to give back to the connection's window
  bool broken_ = false;                   // nothing is read any more
  bool complained_ = false;               // a GOAWAY has said what was wrong
  std::string* out_ = nullptr;            // during Produce
  std::size_t out_limit_ = 0;
};

Nghttp2Codec::Nghttp2Codec(HttpEvents& events, const Http2Limits& limits, FrameBuffer* shared)
    : events_(events),
      shared_(shared),
      guard_(limits),
      max_decoded_header_bytes_(limits.max_decoded_header_bytes) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* options = nullptr;
  // Like all functions used here these fail only when memory is exhausted.
  if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0) {
    std::abort();
  }
  SetCallbacks(callbacks);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_settings(options, kMaxSettings);
  // The guard counts, and says why.
  constexpr auto kNoLimit = std::numeric_limits<std::uint32_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(options, kNoLimit, kNoLimit);
  if (nghttp2_session_server_new2(&session_, callbacks, this, options) != 0) std::abort();
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);

  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.max_header_list_bytes},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window_bytes));
}

void Nghttp2Codec::SetCallbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, [](Session*, const nghttp2_frame_hd* frame, void* user) {
        if (frame->type == NGHTTP2_DATA) Self(user).OnBeginData(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](Session*, const nghttp2_frame* frame, void* user) {
        Nghttp2Codec& self = Self(user);
        self.header_stream_ = nullptr;
        self.decoded_header_bytes_ = 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self.OnBeginRequest(frame->hd.stream_id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](Session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
        return Self(user).OnHeader(Text(name, name_size), Text(value, value_size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](Session*, const nghttp2_frame* frame, void* user) {
        Self(user).OnFrame(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](Session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                    std::size_t size, void* user) {
        Self(user).OnChunk(id, Text(bytes, size));
        return 0;
      });
  nghttp2_session_callbacks_set_send_data_callback(
      callbacks, [](Session*, nghttp2_frame*, const std::uint8_t* frame_header, std::size_t size,
                    nghttp2_data_source* source, void* user) {
        return Self(user).WriteBody(*static_cast<HttpStream*>(source->ptr),
                                    Text(frame_header, kFrameHeaderBytes), size);
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](Session*, const nghttp2_frame* frame, void* user) {
        Self(user).OnSent(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](Session*, std::int32_t id, std::uint32_t error, void* user) {
        Self(user).OnClose(id, error);
        return 0;
      });
}

bool Nghttp2Codec::OnBytes(std::string_view bytes, MonoNanos now) {
  if (broken_) return false;
  now_ = now;
  const Http2FrameGuard::Verdict verdict = guard_.OnBytes(bytes, now);
  const ssize_t taken = nghttp2_session_mem_recv(session_, Bytes(bytes), verdict.accepted);
  if (unacknowledged_ != 0) {
    nghttp2_session_consume_connection(session_, unacknowledged_);
    unacknowledged_ = 0;
  }
  if (IsFlood(taken)) {
    Break(HttpError::kEnhanceYourCalm);
  } else if (taken < 0) {
    broken_ = true;
  } else if (verdict.error != HttpError::kNoError) {
    Break(verdict.error);
  }
  return !broken_ && nghttp2_session_want_read(session_) != 0;
}

// Says why, and listens no more.
void Nghttp2Codec::Break(HttpError error) {
  broken_ = true;
  Terminate(error);
}

int Nghttp2Codec::OnHeader(std::string_view name, std::string_view value) {
  decoded_header_bytes_ += name.size() + value.size();
  if (decoded_header_bytes_ > max_decoded_header_bytes_) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (header_stream_ != nullptr) header_stream_->OnHeader(name, value);
  return 0;
}

void Nghttp2Codec::OnBeginData(const nghttp2_frame_hd& frame) {
  // With padding the number of body bytes is not known yet; the end is then reported by itself.
  chunk_is_last_ =
      (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0 && (frame.flags & NGHTTP2_FLAG_PADDED) == 0;
  ended_by_chunk_ = false;
  frame_left_ = static_cast<std::uint32_t>(frame.length);
}

void Nghttp2Codec::OnBeginRequest(std::int32_t id) {
  HttpStream* stream = events_.OnStreamStart(id);
  if (stream == nullptr) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  stream->id = id;
  nghttp2_session_set_stream_user_data(session_, id, stream);
  header_stream_ = stream;
}

void Nghttp2Codec::OnChunk(std::int32_t id, std::string_view bytes) {
  unacknowledged_ += bytes.size();
  frame_left_ -= static_cast<std::uint32_t>(bytes.size());
  HttpStream* stream = Find(id);
  if (stream == nullptr) return;
  ended_by_chunk_ = chunk_is_last_ && frame_left_ == 0;
  stream->OnData(bytes, ended_by_chunk_);
}

void Nghttp2Codec::OnFrame(const nghttp2_frame& frame) {
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        if (header_stream_ != nullptr) header_stream_->OnHeadersEnd(end);
      } else if (end) {
        if (HttpStream* stream = Find(frame.hd.stream_id)) stream->OnEnd();
      }
      break;
    case NGHTTP2_DATA:
      if (end && !ended_by_chunk_) {
        if (HttpStream* stream = Find(frame.hd.stream_id)) stream->OnEnd();
      }
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) events_.OnPong();
      break;
    default:
      break;
  }
}

void Nghttp2Codec::Respond(HttpStream& stream, std::span<const HeaderField> headers, bool end) {
  guard_.OnProgress();
  const NvArray nv(headers);
  nghttp2_data_provider body{
      .source = {.ptr = &stream},
      .read_callback = [](Session*, std::int32_t, std::uint8_t*, std::size_t room,
                          std::uint32_t* flags, nghttp2_data_source* source, void* user) {
        return Self(user).ReadBody(*static_cast<HttpStream*>(source->ptr), room, *flags);
      }};
  nghttp2_submit_response(session_, stream.id, nv.data(), nv.size(), end ? nullptr : &body);
}

// Says how much of the body goes into the next DATA frame; WriteBody writes it.
ssize_t Nghttp2Codec::ReadBody(HttpStream& stream, std::size_t room, std::uint32_t& flags) {
  const std::size_t size = std::min(stream.body.size(), room);
  if (size == 0 && !stream.body_ended) return NGHTTP2_ERR_DEFERRED;
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.body_ended && size == stream.body.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    const std::span<const HeaderField> trailers = stream.Trailers();
    if (!trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const NvArray nv(trailers);
      nghttp2_submit_trailer(session_, stream.id, nv.data(), nv.size());
    }
  }
  return static_cast<ssize_t>(size);
}

int Nghttp2Codec::WriteBody(HttpStream& stream, std::string_view frame_header, std::size_t size) {
  if (out_->size() >= out_limit_) return NGHTTP2_ERR_WOULDBLOCK;
  out_->append(frame_header);
  out_->append(stream.body.view().substr(0, size));
  if (size >= kProgressBytes) guard_.OnProgress();
  stream.body.Consume(size);
  stream.OnBodyTaken(size);
  return 0;
}

// A response that ends before its request makes the rest of the request pointless (RFC 9113 section
// 8.1): the peer is told to stop sending.
void Nghttp2Codec::OnSent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
    complained_ = true;
  }
  if (frame.hd.type == NGHTTP2_RST_STREAM && frame.rst_stream.error_code != NGHTTP2_NO_ERROR &&
      !broken_ && !guard_.OnResetByUs(now_)) {
    Break(HttpError::kEnhanceYourCalm);
  }
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  if (nghttp2_session_get_stream_remote_close(session_, frame.hd.stream_id) == 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
  }
}

void Nghttp2Codec::Produce(std::string& out, std::size_t limit) {
  out_ = &out;
  out_limit_ = limit;
  if (shared_ != nullptr && prism_nghttp2_take_buffer(session_, shared_->spare()) != 0) {
    std::abort();  // memory is exhausted
  }
  while (out.size() < limit) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  if (shared_ != nullptr) prism_nghttp2_leave_buffer(session_, shared_->spare());
  out_ = nullptr;
}

void Nghttp2Codec::OnClose(std::int32_t id, std::uint32_t error) {
  HttpStream* stream = Find(id);
  if (stream == nullptr) return;
  if (stream == header_stream_) header_stream_ = nullptr;
  stream->OnClose(static_cast<HttpError>(error));
}

}  // namespace

FrameBuffer::~FrameBuffer() { prism_nghttp2_free_buffer(spare_); }

std::unique_ptr<HttpCodec> MakeNghttp2Codec(HttpEvents& events, const Http2Limits& limits,
                                            FrameBuffer* shared) {
  return std::make_unique<Nghttp2Codec>(events, limits, shared);
}

}  // namespace prism::rpc
