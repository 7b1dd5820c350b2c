// The layer above a codec, for tests and fuzzing: keeps what the codec reports.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/http/http_codec.h"

namespace prism::rpc::testing {

struct RecordedStream final : public HttpStream {
  void OnHeader(std::string_view name, std::string_view value) override {
    headers.emplace_back(name, value);
  }
  void OnHeadersEnd(bool end) override {
    headers_ended = true;
    ended = end;
  }
  void OnData(std::string_view bytes, bool last) override {
    request_body.append(bytes);
    if (!last) unconsumed += bytes.size();
    ended = last;
  }
  void OnEnd() override { ended = true; }
  void OnUnreadable(const HttpRefusal& why) override {
    unreadable = why;
    if (codec == nullptr) return;
    const std::array fields = {HeaderField{":status", why.status}};
    body.Append(why.reason);
    body_ended = true;
    codec->Respond(*this, fields, false);
  }
  void OnBodyTaken(std::size_t count) override { taken += count; }
  void OnClose(HttpError error) override { closed = error; }
  std::span<const HeaderField> Trailers() override {
    ++asked_for_trailers;
    return trailers;
  }

  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "(none)";
  }

  std::vector<std::pair<std::string, std::string>> headers;
  std::string request_body;
  std::size_t unconsumed = 0;
  std::size_t taken = 0;
  bool headers_ended = false;
  bool ended = false;
  std::optional<HttpRefusal> unreadable;
  HttpCodec* codec = nullptr;  // answers what can't be read
  std::optional<HttpError> closed;
  std::vector<HeaderField> trailers;
  int asked_for_trailers = 0;
};

// Streams are kept until the recorder goes.
class HttpRecorder final : public HttpEvents {
 public:
  HttpStream* OnStreamStart(std::int32_t) override {
    if (refuse) return nullptr;
    streams.push_back(std::make_unique<RecordedStream>());
    last().codec = codec;
    return streams.back().get();
  }
  void OnPong() override { ++pongs; }

  RecordedStream& last() { return *streams.back(); }

  std::vector<std::unique_ptr<RecordedStream>> streams;
  bool refuse = false;
  HttpCodec* codec = nullptr;  // answers what can't be read with its reason
  int pongs = 0;
};

}  // namespace prism::rpc::testing
