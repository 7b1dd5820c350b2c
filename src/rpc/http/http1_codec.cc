// HttpCodec on Beast's HTTP/1 parser, which sees what Http1LineGuard has let through.
#include "rpc/http/http1_codec.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/none.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rpc/http/http1_guard.h"
#include "rpc/http/http1_response.h"

namespace prism::rpc {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

// Beast's way to write a string_view.
using Text = boost::beast::string_view;
std::string_view View(Text text) { return {text.data(), text.size()}; }

// What the parser of one request reports; the views are valid during the call.
class ParserEvents {
 public:
  virtual void OnRequestLine(std::string_view method, std::string_view target, bool version_11) = 0;
  virtual void OnField(std::string_view name, std::string_view value) = 0;
  virtual void OnChunkSize(std::uint64_t size) = 0;
  virtual void OnBody(std::string_view bytes, bool last) = 0;

 protected:
  ~ParserEvents() = default;
};

// Beast's callbacks as our events. Trailers are checked, and dropped.
class Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(ParserEvents& events) : events_(events) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // the guard has counted
    body_limit(boost::none);                                  // the layer above counts
  }

 private:
  void on_request_impl(http::verb, Text method, Text target, int version, error_code&) override {
    events_.OnRequestLine(View(method), View(target), version == 11);
  }
  void on_response_impl(int, Text, int, error_code&) override {}
  void on_field_impl(http::field, Text name, Text value, error_code&) override {
    if (!is_header_done()) events_.OnField(View(name), View(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(Text bytes, error_code&) override {
    events_.OnBody(View(bytes), content_length_remaining() == bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, Text, error_code&) override {
    events_.OnChunkSize(size);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, error_code&) override {
    events_.OnBody(View(bytes), false);
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}

  ParserEvents& events_;
};

// Fields that belong to the connection or to the framing (RFC 9110 section 7.6.1) stay here.
bool IsForUsOnly(std::string_view name) {
  constexpr std::array<std::string_view, 8> kOurs = {
      "connection", "host",    "keep-alive", "proxy-connection",
      "te",         "trailer", "upgrade",    "transfer-encoding"};
  return std::ranges::find(kOurs, name) != kOurs.end();
}

constexpr HttpRefusal kNotHttp1{
    .status = "400", .reason = "HTTP_MALFORMED", .advice = "this is not a request of HTTP/1.1"};

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// Of whole lines that the guard has let through.
void SplitHead(std::string_view lines, std::string_view& method, std::string_view& target,
               Fields& fields) {
  const auto next = [&lines] {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    return line;
  };
  const std::string_view first = next();
  method = first.substr(0, first.find(' '));
  target = first.substr(method.size(), first.rfind(' ') - method.size());
  target.remove_prefix(std::min<std::size_t>(target.size(), 1));
  while (!lines.empty()) {
    const std::string_view line = next();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;  // the empty one at the end
    fields.emplace_back(line.substr(0, colon), base::Trim(line.substr(colon + 1)));
  }
}

class Http1Codec final : public HttpCodec, private ParserEvents {
 public:
  Http1Codec(HttpEvents& events, const Http1Limits& limits, std::string_view scheme)
      : events_(events), limits_(limits), scheme_(scheme), guard_(limits) {}

  bool OnBytes(std::string_view bytes, MonoNanos now) override;
  void Produce(std::string& out, std::size_t limit) override;
  bool wants_write() const override;
  std::size_t buffered_bytes() const override { return input_.size(); }
  bool wants_read() const override {
    return !blocked() || input_.size() < limits_.max_buffered_bytes;
  }
  bool finished() const override { return phase_ == Phase::kOver && !wants_write(); }
  bool cut_short() const override { return cut_short_; }
  bool broken() const override { return broken_; }

  MonoNanos head_since() const override { return head_since_; }
  void TimeOutHead() override;
  void EndInput() override;
  bool IsIncomplete(const HttpStream& stream) const override {
    const bool reading = phase_ != Phase::kAnswering && phase_ != Phase::kOver;
    return &stream == stream_ && reading && !blocked();
  }

  void Respond(HttpStream& stream, std::span<const HeaderField> headers, bool end) override;
  void ResumeBody(HttpStream&) override {}  // Produce looks at the body
  void Consume(HttpStream& stream, std::size_t count) override;
  void Reset(HttpStream& stream, HttpError error) override;

  bool Ping() override { return false; }
  void AnnounceDrain() override { announced_ = true; }
  void Drain() override;
  void Terminate(HttpError error) override;

 private:
  enum class Phase : std::uint8_t {
    kHead,       // a request's head is awaited
    kLength,     // a body whose length is known
    kChunkLine,  // between the data of chunks
    kChunkData,
    kAnswering,  // the request is complete, its answer not
    kOver,       // nothing more is read
  };

  void OnRequestLine(std::string_view method, std::string_view target, bool version_11) override;
  void OnField(std::string_view name, std::string_view value) override;
  void OnChunkSize(std::uint64_t size) override { chunk_left_ = size; }
  void OnBody(std::string_view bytes, bool last) override;

  // The request's side. Parse and its steps return how much they took; 0: not without more input
  // or room.
  std::size_t Parse(std::string_view input);
  void ParseBuffered();
  void NoteHead();
  std::size_t Step(std::string_view input);
  std::size_t StepHead(std::string_view input);
  std::size_t StepChunkLine(std::string_view input);
  std::size_t StepBody(std::string_view input, std::uint64_t most);
  bool Feed(std::string_view checked);
  void BeginRequest();
  void BeginStream();
  bool StartStream();
  void ReportHead();
  void ReportField(std::string_view name, std::string_view value);
  std::size_t room() const {
    return limits_.window_bytes - std::min(limits_.window_bytes, unconsumed_);
  }
  bool blocked() const {
    if (phase_ == Phase::kAnswering) return true;
    return (phase_ == Phase::kLength || phase_ == Phase::kChunkData) && room() == 0;
  }

  // The response's side.
  bool response_waits() const {
    return responded_ && (!head_.empty() || body_end_ == Http1BodyEnd::kNone ||
                          !stream_->body.empty() || stream_->body_ended);
  }
  bool continue_waits() const { return expects_continue_ && !responded_ && stream_ != nullptr; }
  void ProduceResponse(std::string& out, std::size_t limit);
  bool ProduceBody(std::string& out, std::size_t limit);
  void EndResponse();
  void EndIfDrained();

  // What breaks the rules is answered if nothing else was, and ends the connection.
  void Refuse(const HttpRefusal& refusal);
  void RefuseHead(const HttpRefusal& refusal, std::string_view good_lines);
  void End(HttpError error);

  HttpEvents& events_;
  const Http1Limits limits_;
  const std::string_view scheme_;
  Http1LineGuard guard_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kHead;
  ByteQueue input_;           // not parsed yet
  MonoNanos bytes_at_ = 0;    // when the last bytes came
  MonoNanos head_since_ = 0;  // when the head began that is not whole yet
  bool input_ended_ = false;  // no more bytes come

  // The request.
  HttpStream* stream_ = nullptr;
  std::int32_t last_id_ = 0;
  Fields fields_;
  std::string_view method_;
  std::string_view target_;
  std::string scratch_;
  std::uint64_t chunk_left_ = 0;
  std::size_t unconsumed_ = 0;  // body bytes that were reported and not consumed
  bool chunked_ = false;
  bool version_11_ = true;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool takes_trailers_ = false;
  bool expects_continue_ = false;
  bool head_request_ = false;

  // The response.
  std::string head_;  // what is to be sent before the body
  Http1BodyEnd body_end_ = Http1BodyEnd::kNone;
  bool responded_ = false;
  bool keep_ = true;  // the connection, after this response

  std::optional<HttpError> reset_;  // what the stream's end is to be
  bool resume_ = false;             // there is room again for what is in input_
  bool cut_short_ = false;
  bool announced_ = false;  // responses end the connection
  bool draining_ = false;   // and no request begins any more
  bool broken_ = false;
};

// --- request -------------------------------------------------------------------------------------

bool Http1Codec::OnBytes(std::string_view bytes, MonoNanos now) {
  if (phase_ == Phase::kOver) return false;
  // Whoever goes on after the drain has seen no `close` yet, and will: with the last answer to what
  // came before.
  if (draining_ && phase_ == Phase::kAnswering) return true;
  bytes_at_ = now;
  if (input_.empty()) {
    const std::size_t used = Parse(bytes);
    if (phase_ != Phase::kOver && used < bytes.size()) input_.Append(bytes.substr(used));
  } else {
    input_.Append(bytes);
    ParseBuffered();
  }
  NoteHead();
  return phase_ != Phase::kOver;
}

// A line end before a request is none of it: some clients send one behind a body (RFC 9112
// section 2.2).
void Http1Codec::NoteHead() {
  if (phase_ != Phase::kHead || std::string_view("\r\n").starts_with(input_.view())) {
    head_since_ = 0;
  } else if (head_since_ == 0) {
    head_since_ = bytes_at_;
  }
}

void Http1Codec::ParseBuffered() {
  resume_ = false;
  if (input_.empty()) return;
  const std::size_t used = Parse(input_.view());
  if (phase_ == Phase::kOver) return input_.Clear();
  if (used > 0) input_.Consume(used);
}

std::size_t Http1Codec::Parse(std::string_view input) {
  std::size_t used = 0;
  while (used < input.size() && !reset_) {
    const std::size_t step = Step(input.substr(used));
    if (step == 0) break;
    used += step;
  }
  resume_ = false;
  return used;
}

std::size_t Http1Codec::Step(std::string_view input) {
  switch (phase_) {
    case Phase::kHead:
      return StepHead(input);
    case Phase::kLength:
      return StepBody(input, input.size());
    case Phase::kChunkLine:
      return StepChunkLine(input);
    case Phase::kChunkData:
      return StepBody(input, chunk_left_);
    case Phase::kAnswering:
    case Phase::kOver:
      break;
  }
  return 0;
}

std::size_t Http1Codec::StepHead(std::string_view input) {
  const Http1LineGuard::Section section = guard_.Check(input);
  head_request_ = guard_.is_head_request();
  if (section.refusal) RefuseHead(section.refusal, guard_.GoodLines(input));
  if (section.size == 0) return 0;
  BeginRequest();
  const std::string_view head = input.substr(section.skip, section.size);
  if (Feed(head)) {
    BeginStream();
  } else {
    RefuseHead(kNotHttp1, head);
  }
  return section.skip + section.size;
}

std::size_t Http1Codec::StepChunkLine(std::string_view input) {
  const Http1LineGuard::Section section = guard_.Check(input);
  if (section.refusal) Refuse(section.refusal);
  if (section.size == 0) return 0;
  if (!Feed(input.substr(0, section.size))) {
    Refuse(kNotHttp1);
  } else if (!parser_->is_done()) {
    phase_ = Phase::kChunkData;
  } else {
    phase_ = Phase::kAnswering;
    stream_->OnEnd();
  }
  return section.size;
}

std::size_t Http1Codec::StepBody(std::string_view input, std::uint64_t most) {
  const std::string_view part =
      input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, room())));
  if (part.empty()) return 0;
  expects_continue_ = false;
  error_code error;
  const std::size_t used = parser_->put(boost::asio::const_buffer(part.data(), part.size()), error);
  if (phase_ == Phase::kChunkData) {
    chunk_left_ -= used;
    if (chunk_left_ == 0) {
      phase_ = Phase::kChunkLine;
      guard_.BeginChunk(true);
    }
  }
  return used;
}

// Gives the parser a whole section. False: it does not take it.
bool Http1Codec::Feed(std::string_view checked) {
  error_code error;
  const std::size_t used =
      parser_->put(boost::asio::const_buffer(checked.data(), checked.size()), error);
  return !error && used == checked.size();
}

void Http1Codec::BeginRequest() {
  parser_.emplace(static_cast<ParserEvents&>(*this));
  head_since_ = 0;
  fields_.clear();
  unconsumed_ = 0;
  chunked_ = says_close_ = says_keep_alive_ = takes_trailers_ = expects_continue_ = false;
  responded_ = false;
}

void Http1Codec::OnRequestLine(std::string_view method, std::string_view target, bool version_11) {
  method_ = method;
  target_ = target;
  version_11_ = version_11;
}

void Http1Codec::OnField(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
  if (base::EqualsNoCase(name, "connection")) {
    says_close_ |= base::HasToken(value, "close");
    says_keep_alive_ |= base::HasToken(value, "keep-alive");
  } else if (base::EqualsNoCase(name, "te")) {
    takes_trailers_ |= base::HasToken(value, "trailers");
  } else if (base::EqualsNoCase(name, "transfer-encoding")) {
    chunked_ = true;
  } else if (base::EqualsNoCase(name, "expect")) {
    expects_continue_ = version_11_;
  }
}

bool Http1Codec::StartStream() {
  last_id_ = last_id_ == std::numeric_limits<std::int32_t>::max() ? 1 : last_id_ + 1;
  stream_ = events_.OnStreamStart(last_id_);
  if (stream_ == nullptr) return false;
  stream_->id = last_id_;
  return true;
}

// The head is whole and valid: a stream like one of HTTP/2 begins.
void Http1Codec::BeginStream() {
  const bool end = parser_->is_done();
  keep_ = !says_close_ && (version_11_ || says_keep_alive_);
  if (!StartStream()) return End(HttpError::kRefusedStream);
  phase_ = end ? Phase::kAnswering : chunked_ ? Phase::kChunkLine : Phase::kLength;
  if (end) expects_continue_ = false;
  if (chunked_) guard_.BeginChunk(false);
  ReportHead();
  stream_->OnHeadersEnd(end);
}

void Http1Codec::ReportHead() {
  const Http1Target target = ParseHttp1Target(method_, target_).value_or(Http1Target{});
  std::string_view authority = target.authority;
  for (const auto& [name, value] : fields_) {
    if (authority.empty() && base::EqualsNoCase(name, "host")) authority = value;
  }
  stream_->OnHeader(":method", method_);
  stream_->OnHeader(":scheme", target.scheme.empty() ? scheme_ : target.scheme);
  if (!authority.empty()) stream_->OnHeader(":authority", authority);
  if (target.path.empty() || target.path.front() == '?') {
    scratch_.assign("/").append(target.path);
    stream_->OnHeader(":path", scratch_);
  } else {
    stream_->OnHeader(":path", target.path);
  }
  for (const auto& [name, value] : fields_) ReportField(name, value);
}

void Http1Codec::ReportField(std::string_view name, std::string_view value) {
  scratch_.assign(name);
  for (char& c : scratch_) c = base::ToLower(c);
  if (!IsForUsOnly(scratch_)) stream_->OnHeader(scratch_, value);
}

void Http1Codec::OnBody(std::string_view bytes, bool last) {
  if (last) {
    phase_ = Phase::kAnswering;
  } else {
    unconsumed_ += bytes.size();
  }
  stream_->OnData(bytes, last);
}

void Http1Codec::Consume(HttpStream& stream, std::size_t count) {
  if (&stream != stream_) return;
  unconsumed_ -= std::min(unconsumed_, count);
  resume_ = !input_.empty();
}

// --- response ------------------------------------------------------------------------------------

void Http1Codec::Respond(HttpStream& stream, std::span<const HeaderField> headers, bool end) {
  if (&stream != stream_ || responded_) return;
  responded_ = true;
  const std::string_view status = StatusOf(headers);
  const bool without_body = head_request_ || status == "204" || status == "304";
  const bool complete = end || without_body || stream.body_ended;
  // Whoever has its answer need not send the rest of a request, and we need not read it. What is
  // here already when a drain is announced is still answered.
  if ((announced_ && input_.empty()) || (complete && phase_ != Phase::kAnswering)) keep_ = false;

  Http1Response response{.headers = headers, .connection = {}};
  if (without_body) {
    // What a GET would tell about its body stands; where it is known, we tell it.
    const bool known = head_request_ && !end && stream.body_ended;
    response.end = known ? Http1BodyEnd::kLength : Http1BodyEnd::kNone;
    response.length = stream.body.size();
    response.keeps_length = !known && status != "204";
  } else if (end || (complete && !takes_trailers_)) {
    response.length = end ? 0 : stream.body.size();
  } else {
    response.end = version_11_ ? Http1BodyEnd::kChunked : Http1BodyEnd::kClose;
    if (!version_11_) keep_ = false;
  }
  body_end_ = end || without_body ? Http1BodyEnd::kNone : response.end;
  if (!keep_ || !version_11_) response.connection = keep_ ? "keep-alive" : "close";
  AppendHttp1Head(head_, response);
}

bool Http1Codec::wants_write() const {
  return resume_ || reset_ || !head_.empty() || continue_waits() || response_waits();
}

void Http1Codec::Produce(std::string& out, std::size_t limit) {
  if (resume_ && !reset_) ParseBuffered();
  while (out.size() < limit && !reset_ && wants_write()) ProduceResponse(out, limit);
  if (!reset_) return;
  cut_short_ = stream_ != nullptr && responded_ && head_.empty();
  if (stream_ != nullptr) head_.clear();  // without its body it would be half an answer
  End(*reset_);
}

void Http1Codec::ProduceResponse(std::string& out, std::size_t limit) {
  if (continue_waits()) {
    expects_continue_ = false;
    out.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  out.append(head_);
  head_.clear();
  if (head_.capacity() > limits_.max_head_bytes) head_.shrink_to_fit();
  if (stream_ != nullptr && responded_ && ProduceBody(out, limit)) EndResponse();
}

// True when the response is complete.
bool Http1Codec::ProduceBody(std::string& out, std::size_t limit) {
  if (body_end_ == Http1BodyEnd::kNone) return true;
  HttpStream& stream = *stream_;
  const std::size_t room = limit - std::min(limit, out.size());
  const std::string_view part = stream.body.view().substr(0, room);
  if (const std::size_t size = part.size(); size > 0) {
    if (body_end_ == Http1BodyEnd::kChunked) {
      AppendHttp1Chunk(out, part);
    } else {
      out.append(part);
    }
    stream.body.Consume(size);
    stream.OnBodyTaken(size);
  }
  if (!stream.body_ended || !stream.body.empty()) return false;
  if (body_end_ == Http1BodyEnd::kChunked) {
    AppendHttp1LastChunk(out, takes_trailers_ ? stream.Trailers() : std::span<const HeaderField>{});
  }
  return true;
}

// The next request, which may be here already, has its turn.
void Http1Codec::EndResponse() {
  const bool goes_on = keep_ && phase_ == Phase::kAnswering;
  responded_ = false;
  std::exchange(stream_, nullptr)->OnClose(HttpError::kNoError);
  if (!goes_on) return End(HttpError::kNoError);
  phase_ = Phase::kHead;
  guard_.BeginHead();
  ParseBuffered();
  NoteHead();
  EndIfDrained();
}

// --- ends ----------------------------------------------------------------------------------------

// An answer that is complete goes out; half of one would take the next for its rest.
void Http1Codec::Refuse(const HttpRefusal& refusal) {
  phase_ = Phase::kOver;
  broken_ = true;
  keep_ = expects_continue_ = false;
  if (!responded_) stream_->OnUnreadable(refusal);
  if (responded_ && stream_->body_ended) return;
  head_.clear();
  End(HttpError::kProtocolError);
}

// What could be read of it tells who asked, and in whose name.
void Http1Codec::RefuseHead(const HttpRefusal& refusal, std::string_view good_lines) {
  BeginRequest();
  broken_ = true;
  if (!refusal.answered || !StartStream()) return End(HttpError::kProtocolError);
  SplitHead(good_lines, method_, target_, fields_);
  if (!method_.empty()) ReportHead();
  Refuse(refusal);
}

// Called from OnBytes and Produce only, like all that tells the stream something.
void Http1Codec::End(HttpError error) {
  phase_ = Phase::kOver;
  reset_.reset();
  resume_ = responded_ = expects_continue_ = false;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->OnClose(error);
}

void Http1Codec::Reset(HttpStream& stream, HttpError error) {
  if (&stream == stream_) reset_ = error;
}

void Http1Codec::Drain() {
  announced_ = draining_ = true;
  EndIfDrained();
}

void Http1Codec::EndInput() {
  input_ended_ = true;
  Drain();
}

void Http1Codec::EndIfDrained() {
  if (draining_ && phase_ == Phase::kHead && (input_.empty() || input_ended_)) {
    phase_ = Phase::kOver;
  }
}

void Http1Codec::TimeOutHead() {
  RefuseHead({.code = Code::kDeadlineExceeded,
              .status = "408",
              .reason = "REQUEST_TOO_SLOW",
              .advice = "the head of the request took too long: send it at once"},
             guard_.GoodLines(input_.view()));
}

// HTTP/1.1 has no words for the reason.
void Http1Codec::Terminate(HttpError error) { reset_ = error; }

}  // namespace

std::unique_ptr<HttpCodec> MakeHttp1Codec(HttpEvents& events, const Http1Limits& limits,
                                          std::string_view scheme) {
  return std::make_unique<Http1Codec>(events, limits, scheme);
}

}  // namespace prism::rpc
