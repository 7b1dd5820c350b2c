// What a Redis server, or whatever answers in its place, sends. The first byte of an input chooses
// who reads the rest.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/redis/pipeline.h"
#include "backends/redis/redis_errors.h"
#include "backends/redis/redis_url.h"
#include "backends/redis/reply_reader.h"
#include "backends/redis/resp_command.h"

namespace {

using namespace prism::backends;  // NOLINT(google-build-using-namespace): one file, one module

void Require(bool holds) {
  if (!holds) std::abort();
}

constexpr ReplyLimits kSmall{.max_bytes = 200, .max_parts = 50};

// Writes down what came, and does not want everything.
class Recorder final : public ReplySink {
 public:
  bool Take(const ReplyPart& part) override {
    Require(part.depth >= 0 && part.depth <= 8);
    Require(part.kind != ReplyPart::Kind::kError || part.depth > 0);
    Require(part.kind != ReplyPart::Kind::kBulk || part.text.size() <= kSmall.max_bytes);
    text += static_cast<char>('a' + static_cast<int>(part.kind));
    text += part.text;
    text += std::to_string(part.number);
    return part.text != "unwanted";
  }
  std::string text;
};

// Whole or byte by byte it comes to the same.
std::string ReadReplies(std::string_view bytes, std::size_t piece) {
  ReplyReader reader(kSmall);
  Recorder recorder;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    Require(reader.Feed(part).has_value());
    while (reader.pending() > 0) {
      const auto outcome = reader.Read(recorder);
      if (!outcome) return recorder.text;
      if (*outcome == ReplyReader::Outcome::kMore) break;
      recorder.text += static_cast<char>('0' + static_cast<int>(*outcome));
    }
    Require(reader.pending() <= std::size_t{80} * 1024);
  }
  return recorder.text;
}

void CheckReader(std::string_view bytes) {
  // What is announced too large ends the reader at once, and may do so before the next piece.
  const std::string whole = ReadReplies(bytes, bytes.size());
  // Of long inputs not byte by byte: what is not whole is looked at again with each piece.
  const std::string single = ReadReplies(bytes, bytes.size() / 500 + 1);
  Require(whole.starts_with(single) || single.starts_with(whole));
}

class Ask final : public PipelinedRequest {
 public:
  explicit Ask(std::string_view text)
      : PipelinedRequest(command_, sink_),
        command_{RespArgument{"GET"}, RespArgument{"ns:", text}} {}
  void OnEnd(prism::Status) override {
    Require(!ended);
    ended = true;
  }
  bool ended = false;

 private:
  std::array<RespArgument, 2> command_;
  std::string got_;
  BytesReply sink_{got_};
};

// Bytes of the input are steps; what a server sends is taken from behind them.
class Life {
 public:
  Life() { Connect(); }

  void Live(std::string_view steps, std::string_view sent) {
    for (const char step : steps) {
      Do(static_cast<unsigned char>(step), sent);
      std::erase_if(asks_, [](const auto& ask) { return ask->ended; });
    }
    pipeline_.Lose(Gone());
    pipeline_.FailWaiting(Gone(), RequestEnd::kUnreached);
    for (const auto& ask : asks_) Require(ask->ended);
    Require(pipeline_.waiting() == 0 && pipeline_.in_flight() == 0);
  }

 private:
  static prism::Error Gone() {
    return prism::Error(prism::Code::kUnavailable, "CONNECTION_LOST", "gone");
  }

  void Connect() {
    pipeline_.Begin();
    pipeline_.Open();
  }
  void Reconnect() {
    pipeline_.Lose(Gone());
    Connect();
  }
  void Add(bool login) {
    asks_.push_back(std::make_unique<Ask>("key"));
    if (login && pipeline_.in_flight() < 4) {
      pipeline_.AddLogin(*asks_.back());
    } else if (!pipeline_.Add(*asks_.back())) {
      asks_.pop_back();
    }
  }
  void Do(unsigned step, std::string_view& sent) {
    const std::size_t size = step / 8;
    switch (step % 8) {
      case 0:
      case 1:
        return Add(size == 31);
      case 2:
        return pipeline_.Fill();
      case 3:
        return pipeline_.Sent(std::min(pipeline_.output().size(), size * 8));
      case 4:
      case 5: {
        const std::string_view part = sent.substr(0, size);
        sent.remove_prefix(part.size());
        if (!pipeline_.Receive(part)) Reconnect();
        return;
      }
      case 6:
        if (asks_.empty()) return;
        pipeline_.Forget(*asks_.front());
        asks_.erase(asks_.begin());
        return;
      default:
        if (size == 0) Reconnect();
    }
  }

  DriverCounters counters_;
  Pipeline pipeline_{
      {.in_flight = 4, .waiting = 8, .waiting_bytes = 60, .output_bytes = 100, .reply = kSmall},
      counters_};
  std::vector<std::unique_ptr<Ask>> asks_;
};

void CheckPipeline(std::string_view bytes) {
  const std::size_t end = bytes.find('|');
  if (end == std::string_view::npos) return;
  Life().Live(bytes.substr(0, end), bytes.substr(end + 1));
}

// Nothing that a server says reaches our messages but the kind of its error.
void CheckErrors(std::string_view text) {
  const prism::Error error = RedisError(text);
  Require(!error.reason().empty() && !error.message().empty());
  for (const auto& [key, value] : error.metadata()) {
    Require(key == "redis" && value.size() <= 32);
    Require(std::ranges::all_of(value, [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
  for (const Executed executed : {Executed::kNo, Executed::kMaybe}) {
    Require(BackendUnavailable(error, executed).code() != prism::Code::kOk);
    Require(BackendDeadline(&error, executed).code() == prism::Code::kDeadlineExceeded);
  }
  Require(ShuttingDown().code() == BackendUnavailable(ShuttingDown(), Executed::kNo).code());
}

void CheckUrl(std::string_view text) {
  const auto url = ParseRedisUrl(text);
  if (!url) return Require(url.error().reason() == "BAD_REDIS_URL");
  const RedisOptions& options = url->options;
  Require(options.target.is_unix() || (!options.target.host.empty() && options.target.port > 0));
  Require(options.database >= 0 && options.connect_timeout > 0 && options.silence_timeout > 0);
  Require(options.limits.in_flight > 0 &&
          (options.limits.in_flight & (options.limits.in_flight - 1)) == 0);
  Require(url->max_connections >= 0 && !options.client_name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'r':
      CheckReader(rest);
      break;
    case 'p':
      CheckPipeline(rest);
      break;
    case 'e':
      CheckErrors(rest);
      break;
    default:
      CheckUrl(rest);
      break;
  }
  return 0;
}
