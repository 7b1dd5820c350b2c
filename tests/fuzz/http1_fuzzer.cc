// Bytes from a stranger into the codec of HTTP/1.1. However they are cut into pieces, the same
// requests come out, in a form that the layer above may trust.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/http/http1_codec.h"
#include "rpc/testing/http_recorder.h"

namespace {

using prism::rpc::HeaderField;
using prism::rpc::HttpError;
using prism::rpc::testing::HttpRecorder;
using prism::rpc::testing::RecordedStream;

// What the layer above does, from the second byte of the input.
enum class Mood : std::uint8_t {
  kAnswers,
  kStreams,
  kIsEmpty,
  kHurries,
  kResets,
  kRefuses,
  kCount
};

void Require(bool holds) {
  if (!holds) std::abort();
}

prism::rpc::Http1Limits SmallLimits() {
  prism::rpc::Http1Limits limits;
  limits.max_request_line_bytes = 256;
  limits.max_head_bytes = 1024;
  limits.max_fields = 8;
  limits.max_chunk_line_bytes = 32;
  limits.window_bytes = 64;
  limits.max_buffered_bytes = 128;
  return limits;
}

class Connection {
 public:
  Connection(Mood mood, bool drains) : mood_(mood), drains_(drains) {
    recorder_.refuse = mood == Mood::kRefuses;
    recorder_.codec = codec_.get();
  }

  void Feed(std::string_view bytes, std::size_t piece) {
    for (bool open = true; open && !bytes.empty();) {
      const std::string part(bytes.substr(0, piece));
      bytes.remove_prefix(part.size());
      open = codec_->OnBytes(part, prism::kNanosPerSecond);
      Work();
    }
    if (drains_) codec_->Drain();
    Work();
    if (drains_ && recorder_.streams.empty()) codec_->Terminate(HttpError::kNoError);
    Work();
  }

  void Check() const {
    for (std::size_t i = 0; i < recorder_.streams.size(); ++i) {
      const RecordedStream& stream = *recorder_.streams[i];
      Require(i + 1 == recorder_.streams.size() || stream.closed.has_value());
      const std::string path = stream.Header(":path");
      Require(path.starts_with('/') || path == "*" || (stream.unreadable && path == "(none)"));
      for (const auto& [name, value] : stream.headers) {
        Require(
            std::ranges::none_of(name, [](char c) { return c <= ' ' || (c >= 'A' && c <= 'Z'); }));
        Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
        Require(name != "transfer-encoding" && name != "connection" && name != "host");
      }
    }
  }

  bool SameRequests(const Connection& other) const {
    return std::ranges::equal(recorder_.streams, other.recorder_.streams,
                              [](const auto& a, const auto& b) {
                                return a->headers == b->headers && a->ended == b->ended &&
                                       a->request_body == b->request_body;
                              });
  }
  bool finished() const { return codec_->finished(); }

 private:
  // Until nothing moves any more.
  void Work() {
    std::string out;
    do {
      if (!recorder_.streams.empty() && !recorder_.last().closed) Serve(recorder_.last());
      out.clear();
      codec_->Produce(out, 100);
    } while (!out.empty() || codec_->wants_write() || has_work());
  }

  bool has_work() const {
    if (recorder_.streams.empty() || recorder_.streams.back()->closed) return false;
    const RecordedStream& stream = *recorder_.streams.back();
    return stream.unconsumed > 0 || (stream.ended && !stream.body_ended);
  }

  void Serve(RecordedStream& stream) {
    if (stream.unconsumed > 0) codec_->Consume(stream, std::exchange(stream.unconsumed, 0));
    if (mood_ == Mood::kResets) return codec_->Reset(stream, HttpError::kCancel);
    if ((!stream.ended && mood_ != Mood::kHurries) || stream.body_ended) return;
    if (mood_ == Mood::kStreams) {
      stream.trailers = {HeaderField{"x-trailer", "t"}};
      codec_->Respond(stream, kHeaders, false);
      std::string head;
      codec_->Produce(head, 1 << 16);
      if (stream.closed) return;  // HEAD
    }
    stream.body_ended = true;
    if (mood_ != Mood::kIsEmpty) stream.body.Append(std::string(150, 'b'));
    codec_->Respond(stream, kHeaders, mood_ == Mood::kIsEmpty);
    codec_->ResumeBody(stream);
  }

  static constexpr std::array kHeaders = {HeaderField{":status", "200"},
                                          HeaderField{"content-type", "text/plain"}};
  Mood mood_;
  bool drains_;
  HttpRecorder recorder_;
  std::unique_ptr<prism::rpc::HttpCodec> codec_ =
      prism::rpc::MakeHttp1Codec(recorder_, SmallLimits());
};

}  // namespace

// The first byte says into how large pieces the rest is cut, the second what the server does.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] % 64 + 1;
  const auto mood = static_cast<Mood>(data[1] % static_cast<int>(Mood::kCount));
  const bool drains = data[1] >= 128;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  Connection whole(mood, drains);
  whole.Feed(bytes, bytes.size());
  whole.Check();
  Connection cut(mood, drains);
  cut.Feed(bytes, piece);
  cut.Check();
  // Whoever hurries or resets ends the request wherever it is.
  if (mood != Mood::kHurries && mood != Mood::kResets) {
    Require(whole.SameRequests(cut));
    Require(whole.finished() == cut.finished());
  }
  return 0;
}
