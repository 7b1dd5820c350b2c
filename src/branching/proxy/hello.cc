#include "branching/proxy/hello.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "branching/pgwire/proxy_header.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {
namespace {

using runtime::Task;

constexpr std::string_view kAlpn = "postgresql";
// The first byte of the PROXY protocol, version 2 (section 2.2), and of nothing that a client says.
constexpr char kProxyHeader = '\r';

std::string Describe(const ProxyHeader& header) {
  const auto& [address, port] = header.source;
  switch (header.family) {
    case ProxyHeader::Family::kIp4:
      return fmt::format("{}:{}", address, port);
    case ProxyHeader::Family::kIp6:
      return fmt::format("[{}]:{}", address, port);
    case ProxyHeader::Family::kUnix:
      return fmt::format("unix:{}", address);
    case ProxyHeader::Family::kNone:
      break;
  }
  return {};
}

class HelloReceiver {
 public:
  HelloReceiver(SocketStream& stream, const HelloRules& rules, std::string seen, Until until)
      : stream_(stream),
        rules_(rules),
        until_(until),
        parser_(rules.transport),
        input_(std::move(seen)) {}

  Task<Result<Hello>> Run() {
    while (true) {
      if (!parser_.begun() && input_.starts_with(kProxyHeader)) {
        co_return std::unexpected(
            Error(Code::kInvalidArgument, "BAD_PROXY_HEADER",
                  "a peer that is not trusted sent a header of the PROXY protocol: a load balancer "
                  "must be one of those that are configured"));
      }
      StartupParser::Progress progress = parser_.Feed(input_);
      input_.erase(0, progress.consumed);
      auto done = co_await Do(std::move(progress.step));
      CO_TRY_ASSIGN(std::optional<Hello> hello, std::move(done));
      if (hello) co_return *std::move(hello);
    }
  }

 private:
  using Step = Result<std::optional<Hello>>;

  // Nothing: feed the parser again.
  Task<Step> Do(StartupParser::Step step) {
    if (std::holds_alternative<StartupParser::NeedMore>(step)) co_return co_await ReadMore();
    if (std::holds_alternative<StartupParser::SslRequest>(step)) co_return co_await AnswerSsl();
    if (std::holds_alternative<StartupParser::GssEncRequest>(step)) co_return co_await Say("N");
    if (std::holds_alternative<StartupParser::DirectTls>(step)) co_return co_await DirectTls();
    if (std::holds_alternative<StartupParser::Close>(step)) co_return Hello(NoClient());
    if (auto* cancel = std::get_if<StartupParser::Cancel>(&step)) {
      co_return Hello(std::move(*cancel));
    }
    if (auto* error = std::get_if<Error>(&step)) co_return std::unexpected(std::move(*error));
    co_return Begin(std::get<StartupMessage>(std::move(step)));
  }

  Task<Step> ReadMore() {
    auto read = co_await stream_.Read(until_);
    if (!read) co_return std::unexpected(std::move(read).error());
    if (read->empty()) co_return Hello(NoClient());
    input_ += *read;
    co_return std::nullopt;
  }

  Task<Step> Say(std::string_view answer) {
    Status said = co_await stream_.Write(answer, until_);
    if (!said) co_return std::unexpected(std::move(said).error());
    co_return std::nullopt;
  }

  Task<Step> AnswerSsl() {
    if (rules_.tls == nullptr) co_return co_await Say("N");
    if (!input_.empty()) co_return std::unexpected(Refuse(Refusal::kDataBeforeTls));
    auto said = co_await Say("S");
    if (!said) co_return said;
    parser_.TlsStarted();
    co_return co_await StartTls({});
  }

  // A client that speaks TLS at once must name the protocol: the port could be anybody's
  // (ALPACA attack).
  Task<Step> DirectTls() {
    if (rules_.tls == nullptr) co_return Hello(NoClient());
    auto started = co_await StartTls(std::exchange(input_, {}));
    if (!started || stream_.tls()->protocol() == kAlpn) co_return started;
    co_return Hello(NoClient());
  }

  Task<Step> StartTls(std::string seen) {
    Status started = co_await stream_.StartTls(rules_.tls->context, std::move(seen), until_);
    if (!started) co_return std::unexpected(std::move(started).error());
    co_return std::nullopt;
  }

  Step Begin(StartupMessage startup) {
    const rpc::TlsSession* tls = stream_.tls();
    if (tls == nullptr && rules_.tls_required) {
      return std::unexpected(Refuse(Refusal::kTlsRequired));
    }
    return ClientHello{.startup = std::move(startup),
                       .server_name = std::string(tls != nullptr ? tls->server_name() : ""),
                       .seen = std::move(input_)};
  }

  SocketStream& stream_;
  const HelloRules& rules_;
  const Until until_;
  StartupParser parser_;
  std::string input_;  // not consumed yet
};

}  // namespace

Task<Result<Introduction>> ReceiveIntroduction(SocketStream* stream, Until until) {
  ProxyHeaderParser parser;
  while (true) {
    auto read = co_await stream->Read(until);
    CO_TRY_ASSIGN(const std::string_view bytes, std::move(read));
    // Balancers look whether somebody listens, as others do.
    if (bytes.empty()) co_return Introduction();
    ProxyHeaderParser::Progress progress = parser.Feed(bytes);
    if (auto* error = std::get_if<Error>(&progress.step)) {
      co_return std::unexpected(std::move(*error));
    }
    if (const auto* header = std::get_if<ProxyHeader>(&progress.step)) {
      co_return Introduction{.peer = Describe(*header),
                             .seen = std::string(bytes.substr(progress.consumed))};
    }
  }
}

Task<Result<Hello>> ReceiveHello(SocketStream* stream, HelloRules rules, std::string seen,
                                 Until until) {
  HelloReceiver receiver(*stream, rules, std::move(seen), until);
  co_return co_await receiver.Run();
}

}  // namespace prism::branching
