// The client's protocol state against a bare nghttp2 server, bytes handed over by the test.
#include "rpc/client/client_session.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <map>

#include "rpc/client/client_status.h"

namespace prism::rpc {
namespace {

const Headers kRequest = {{":method", "POST"},
                          {":scheme", "http"},
                          {":path", "/a/B"},
                          {":authority", "test"},
                          {"te", "trailers"}};

// Collects what clients send and answers as the test says.
class Server {
 public:
  explicit Server(std::uint32_t window = 65'535) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_session_server_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &setting, 1);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { nghttp2_session_del(session_); }

  void Respond(std::int32_t id, const Headers& headers, std::string body, const Headers& trailers) {
    bodies_[id] = std::move(body);
    trailers_[id] = trailers;
    std::vector<nghttp2_nv> fields = Fields(headers);
    const nghttp2_data_provider provider{.source = {.ptr = nullptr}, .read_callback = ReadBody};
    ASSERT_EQ(nghttp2_submit_response(session_, id, fields.data(), fields.size(), &provider), 0);
  }
  void RespondHeadersOnly(std::int32_t id, const Headers& headers) {
    std::vector<nghttp2_nv> fields = Fields(headers);
    ASSERT_EQ(nghttp2_submit_response(session_, id, fields.data(), fields.size(), nullptr), 0);
  }
  void Reset(std::int32_t id, std::uint32_t code) {
    ASSERT_EQ(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code), 0);
  }
  void Goaway(std::int32_t last) {
    ASSERT_EQ(
        nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0), 0);
  }

  // Carries bytes both ways until neither side has any; at most `piece` bytes at a time reach the
  // client.
  void Settle(Http2ClientSession& client, std::size_t piece = 1 << 20) {
    for (bool moved = true; moved;) {
      moved = false;
      std::string out;
      ASSERT_TRUE(client.Produce(out, 1 << 20));
      if (!out.empty()) {
        moved = true;
        ASSERT_EQ(nghttp2_session_mem_recv(
                      session_, reinterpret_cast<const std::uint8_t*>(out.data()), out.size()),
                  static_cast<ssize_t>(out.size()));
      }
      const std::uint8_t* data = nullptr;
      while (const ssize_t length = nghttp2_session_mem_send(session_, &data)) {
        ASSERT_GT(length, 0);
        moved = true;
        std::string_view bytes(reinterpret_cast<const char*>(data),
                               static_cast<std::size_t>(length));
        for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
          ASSERT_TRUE(client.Receive(bytes.substr(0, piece)));
        }
      }
    }
  }

  std::map<std::int32_t, std::string> received;
  std::map<std::int32_t, std::uint32_t> closed;

 private:
  static Server& Of(void* data) { return *static_cast<Server*>(data); }
  static std::vector<nghttp2_nv> Fields(const Headers& headers) {
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : headers) {
      fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                        name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return fields;
  }
  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                    std::size_t length, void* self) {
    Of(self).received[id].append(reinterpret_cast<const char*>(data), length);
    return 0;
  }
  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t code, void* self) {
    Of(self).closed[id] = code;
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session* session, std::int32_t id, std::uint8_t* into,
                          std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                          void* self) {
    std::string& body = Of(self).bodies_[id];
    const std::size_t count = body.copy(reinterpret_cast<char*>(into), length);
    body.erase(0, count);
    if (body.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<nghttp2_nv> fields = Fields(Of(self).trailers_[id]);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(count);
  }

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::string> bodies_;
  std::map<std::int32_t, Headers> trailers_;
};

TEST(Http2ClientSessionTest, CarriesACallByteByByte) {
  Server server;
  Http2ClientSession client;
  const std::int32_t id = client.Open(kRequest).value();
  client.Write(id, "hello");
  client.Finish(id);
  server.Settle(client);
  EXPECT_EQ(server.received[id], "hello");
  server.Respond(id, {{":status", "200"}, {"a", "1"}}, "world", {{"grpc-status", "0"}});
  server.Settle(client, 1);
  const Http2ClientSession::Stream& stream = *client.Find(id);
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(FindHeader(stream.headers, "a"), "1");
  EXPECT_EQ(FindHeader(stream.trailers, "grpc-status"), "0");
  EXPECT_EQ(client.TakeBody(id), "world");
  EXPECT_TRUE(EndOfCall(stream));
}

TEST(Http2ClientSessionTest, WaitsForThePeersWindow) {
  Server server(1000);
  Http2ClientSession client;
  server.Settle(client);
  const std::int32_t id = client.Open(kRequest).value();
  client.Write(id, std::string(500'000, 'b'));
  EXPECT_EQ(client.unsent(id), 500'000u);
  client.Finish(id);
  server.Settle(client);  // nghttp2 opens the window as it receives
  EXPECT_EQ(client.unsent(id), 0u);
  EXPECT_EQ(server.received[id].size(), 500'000u);
}

TEST(Http2ClientSessionTest, AnUnreadStreamStopsItsSenderAndNoOther) {
  Server server;
  Http2ClientSession client;
  const std::int32_t unread = client.Open(kRequest).value();
  client.Finish(unread);
  server.Settle(client);
  server.Respond(unread, {{":status", "200"}}, std::string(5 << 20, 'u'), {{"grpc-status", "0"}});
  server.Settle(client);
  EXPECT_EQ(client.Find(unread)->body.size(), std::size_t{1} << 20) << "the stream's window";

  const std::int32_t other = client.Open(kRequest).value();
  client.Finish(other);
  server.Settle(client);
  server.Respond(other, {{":status", "200"}}, std::string(900'000, 'o'), {{"grpc-status", "0"}});
  server.Settle(client);
  EXPECT_TRUE(client.Find(other)->closed);

  std::size_t total = 0;
  while (!client.Find(unread)->closed) {
    total += client.TakeBody(unread).size();
    server.Settle(client);
  }
  EXPECT_EQ(total + client.TakeBody(unread).size(), std::size_t{5} << 20);
}

TEST(Http2ClientSessionTest, SeesResetsAndForgetsStreams) {
  Server server;
  Http2ClientSession client;
  const std::int32_t reset = client.Open(kRequest).value();
  const std::int32_t dropped = client.Open(kRequest).value();
  server.Settle(client);
  server.Reset(reset, NGHTTP2_ENHANCE_YOUR_CALM);
  client.Forget(dropped);
  server.Settle(client);
  EXPECT_EQ(EndOfCall(*client.Find(reset)).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(server.closed[dropped], std::uint32_t{NGHTTP2_CANCEL});
  EXPECT_EQ(client.Find(dropped), nullptr);
}

TEST(Http2ClientSessionTest, AfterGoawayUnseenCallsAreRefusedAndSeenOnesEnd) {
  Server server;
  Http2ClientSession client;
  const std::int32_t seen = client.Open(kRequest).value();
  client.Finish(seen);
  const std::int32_t unseen = client.Open(kRequest).value();
  client.Finish(unseen);
  server.Settle(client);
  server.Goaway(seen);
  server.Settle(client);
  EXPECT_FALSE(client.accepts_streams());
  EXPECT_EQ(client.Open(kRequest).error().reason(), "CONNECTION_CLOSING");
  EXPECT_EQ(client.Find(unseen)->error_code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
  EXPECT_EQ(EndOfCall(*client.Find(unseen)).error().reason(), "STREAM_REFUSED");
  server.Respond(seen, {{":status", "200"}}, "done", {{"grpc-status", "0"}});
  server.Settle(client);
  EXPECT_EQ(client.TakeBody(seen), "done");
}

TEST(Http2ClientSessionTest, RefusesWhatIsNoHttp2AndHeadersWithoutEnd) {
  Http2ClientSession client;
  EXPECT_EQ(client.Receive("HTTP/1.1 400 Bad Request\r\n\r\n").error().reason(), "NOT_HTTP2");

  Server server;
  Http2ClientSession other;
  const std::int32_t id = other.Open(kRequest).value();
  other.Finish(id);
  server.Settle(other);
  Headers many = {{":status", "200"}};
  for (int i = 0; i < 20; ++i) many.emplace_back("h" + std::to_string(i), std::string(4000, 'h'));
  server.RespondHeadersOnly(id, many);
  server.Settle(other);
  EXPECT_TRUE(other.Find(id)->closed);
  EXPECT_FALSE(EndOfCall(*other.Find(id)));
}

TEST(EndOfCallTest, ReadsTrailersOnlyAndPlainHttp) {
  Http2ClientSession::Stream stream;
  stream.headers = {{":status", "200"},
                    {"grpc-status", "8"},
                    {"grpc-message", "too%20much"},
                    {"x-request-id", "r7"}};
  Error error = EndOfCall(stream).error();
  EXPECT_EQ(error.ToString(), "RESOURCE_EXHAUSTED/RESOURCE_EXHAUSTED: too much");
  EXPECT_EQ(error.metadata().at(0).second, "r7");

  stream.headers = {{":status", "503"}, {"content-type", "text/html"}};
  EXPECT_EQ(EndOfCall(stream).error().code(), Code::kUnavailable);
  stream.headers = {{":status", "404"}};
  EXPECT_EQ(EndOfCall(stream).error().code(), Code::kUnimplemented);
  stream.headers = {{":status", "200"}, {"grpc-status", "99"}};
  EXPECT_EQ(EndOfCall(stream).error().code(), Code::kUnknown);
}

}  // namespace
}  // namespace prism::rpc
