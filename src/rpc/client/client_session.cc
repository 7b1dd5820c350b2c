#include "rpc/client/client_session.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace prism::rpc {
namespace {

constexpr std::uint32_t kStreamWindow = 1u << 20;
constexpr std::int32_t kConnectionWindow = 16 << 20;
// Of all response headers or trailers of a stream, names and values.
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

struct OpenStream {
  Http2ClientSession::Stream stream;
  std::string outgoing;
  std::size_t sent = 0;  // bytes of `outgoing` that have left
  bool finished = false;
  bool deferred = false;  // nghttp2 waits to be told of more data
  std::size_t header_bytes = 0;
  Headers block;  // the header block that is being received
};

nghttp2_nv MakeNv(std::string_view name, std::string_view value) {
  // nghttp2 copies; its type has no const.
  auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

Error ProtocolError(int code) {
  return Error(
      Code::kUnavailable, "NOT_HTTP2",
      fmt::format(
          "the server does not speak HTTP/2 as it should ({}): check that the address is the data "
          "port of a Prism server, and whether it wants TLS",
          nghttp2_strerror(code)));
}

Error Closing() {
  return Error(Code::kUnavailable, "CONNECTION_CLOSING",
               "the server is closing this connection: send the call again on a new one");
}

}  // namespace

std::string_view FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct Http2ClientSession::State {
  nghttp2_session* session = nullptr;
  std::unordered_map<std::int32_t, OpenStream> streams;
  bool goaway = false;
  int fatal = 0;  // nghttp2's code of what made the peer unintelligible

  OpenStream* Find(std::int32_t id) {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : &found->second;
  }

  static State& Of(void* user_data) { return *static_cast<State*>(user_data); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                      std::uint8_t, void* user_data) {
    OpenStream* open = Of(user_data).Find(frame->hd.stream_id);
    if (open == nullptr) return 0;
    open->header_bytes += name_length + value_length;
    if (open->header_bytes > kMaxHeaderBytes)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
    open->block.emplace_back(std::string(reinterpret_cast<const char*>(name), name_length),
                             std::string(reinterpret_cast<const char*>(value), value_length));
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    State& self = Of(user_data);
    if (frame->hd.type == NGHTTP2_GOAWAY) self.goaway = true;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    OpenStream* open = self.Find(frame->hd.stream_id);
    if (open == nullptr) return 0;
    Headers block = std::exchange(open->block, {});
    if (open->stream.has_headers) {
      open->stream.trailers = std::move(block);
    } else if (!FindHeader(block, ":status").starts_with('1')) {
      open->stream.headers = std::move(block);
      open->stream.has_headers = true;
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                    const std::uint8_t* data, std::size_t length, void* user_data) {
    if (nghttp2_session_consume_connection(session, length) != 0)
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    OpenStream* open = Of(user_data).Find(id);
    if (open != nullptr) open->stream.body.append(reinterpret_cast<const char*>(data), length);
    return 0;
  }

  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user_data) {
    OpenStream* open = Of(user_data).Find(id);
    if (open != nullptr && !open->stream.closed) {
      open->stream.closed = true;
      open->stream.error_code = error_code;
    }
    return 0;
  }

  // A request that never left, for instance because GOAWAY came first: safe to send again
  // elsewhere.
  static int OnNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (OpenStream* open = Of(user_data).Find(frame->hd.stream_id)) {
      open->stream.closed = true;
      open->stream.error_code = NGHTTP2_REFUSED_STREAM;
    }
    return 0;
  }

  static int OnError(nghttp2_session*, int code, const char*, std::size_t, void* user_data) {
    if (code == NGHTTP2_ERR_SETTINGS_EXPECTED) Of(user_data).fatal = code;
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t length,
                          std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
    OpenStream* open = Of(user_data).Find(id);
    if (open == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t count = std::min(length, open->outgoing.size() - open->sent);
    if (count == 0 && !open->finished) {
      open->deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    open->outgoing.copy(reinterpret_cast<char*>(into), count, open->sent);
    open->sent += count;
    if (open->sent == open->outgoing.size()) {
      open->outgoing.clear();
      open->sent = 0;
      if (open->finished) *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(count);
  }

  void Resume(std::int32_t id, OpenStream& open) {
    if (!std::exchange(open.deferred, false)) return;
    // Fails only when the stream is gone, which OnClose has noted or will note.
    nghttp2_session_resume_data(session, id);
  }
};

Http2ClientSession::Http2ClientSession() : state_(std::make_unique<State>()) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, State::OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, State::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, State::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, State::OnClose);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, State::OnNotSent);
  nghttp2_session_callbacks_set_error_callback2(callbacks, State::OnError);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_client_new2(&state_->session, callbacks, state_.get(), option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes},
  }};
  nghttp2_submit_settings(state_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(state_->session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2ClientSession::~Http2ClientSession() { nghttp2_session_del(state_->session); }

Status Http2ClientSession::Receive(std::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      state_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) state_->fatal = static_cast<int>(taken);
  if (state_->fatal != 0) return std::unexpected(ProtocolError(state_->fatal));
  return {};
}

Status Http2ClientSession::Produce(std::string& out, std::size_t limit) {
  while (out.size() < limit) {
    const std::uint8_t* data = nullptr;
    const ssize_t length = nghttp2_session_mem_send(state_->session, &data);
    if (length < 0) return std::unexpected(ProtocolError(static_cast<int>(length)));
    if (length == 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
  }
  return {};
}

bool Http2ClientSession::alive() const {
  return nghttp2_session_want_read(state_->session) != 0 ||
         nghttp2_session_want_write(state_->session) != 0;
}

bool Http2ClientSession::accepts_streams() const {
  return !state_->goaway && alive() && nghttp2_session_check_request_allowed(state_->session) != 0;
}

Result<std::int32_t> Http2ClientSession::Open(const Headers& request_headers) {
  if (!accepts_streams()) return std::unexpected(Closing());
  std::vector<nghttp2_nv> fields;
  fields.reserve(request_headers.size());
  for (const auto& [name, value] : request_headers) fields.push_back(MakeNv(name, value));
  const nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = State::ReadBody};
  const std::int32_t id = nghttp2_submit_request(state_->session, nullptr, fields.data(),
                                                 fields.size(), &body, nullptr);
  if (id < 0) return std::unexpected(Closing());
  state_->streams[id];
  return id;
}

void Http2ClientSession::Write(std::int32_t id, std::string_view bytes) {
  OpenStream* open = state_->Find(id);
  if (open == nullptr || open->stream.closed || open->finished) return;
  open->outgoing.append(bytes);
  state_->Resume(id, *open);
}

void Http2ClientSession::Finish(std::int32_t id) {
  OpenStream* open = state_->Find(id);
  if (open == nullptr || open->stream.closed) return;
  open->finished = true;
  state_->Resume(id, *open);
}

std::size_t Http2ClientSession::unsent(std::int32_t id) const {
  const OpenStream* open = state_->Find(id);
  return open == nullptr ? 0 : open->outgoing.size() - open->sent;
}

void Http2ClientSession::Reset(std::int32_t id, std::uint32_t error_code) {
  const OpenStream* open = state_->Find(id);
  if (open == nullptr || open->stream.closed) return;
  nghttp2_submit_rst_stream(state_->session, NGHTTP2_FLAG_NONE, id, error_code);
}

const Http2ClientSession::Stream* Http2ClientSession::Find(std::int32_t id) const {
  const OpenStream* open = state_->Find(id);
  return open == nullptr ? nullptr : &open->stream;
}

std::string Http2ClientSession::TakeBody(std::int32_t id) {
  OpenStream* open = state_->Find(id);
  if (open == nullptr) return {};
  std::string body = std::exchange(open->stream.body, {});
  // Of a stream that nghttp2 has closed there is no window left to open.
  if (!body.empty() && !open->stream.closed)
    nghttp2_session_consume_stream(state_->session, id, body.size());
  return body;
}

void Http2ClientSession::Forget(std::int32_t id) {
  Reset(id, NGHTTP2_CANCEL);
  state_->streams.erase(id);
}

}  // namespace prism::rpc
