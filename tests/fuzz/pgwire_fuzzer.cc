// What strangers send before the proxy knows them. The first byte of an input chooses the reader,
// the rest is for it: whole and byte by byte it must come to the same.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/cancel_keys.h"
#include "branching/pgwire/message_reader.h"
#include "branching/pgwire/messages.h"
#include "branching/pgwire/proxy_header.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/session_state.h"
#include "branching/pgwire/startup_options.h"
#include "branching/pgwire/startup_parser.h"
#include "branching/pgwire/testing/startup_packet.h"
#include "branching/pgwire/wire_bytes.h"

namespace {

using namespace prism::branching;  // NOLINT(google-build-using-namespace): one file, one module

constexpr std::string_view kDomain = "db.example";

void Require(bool holds) {
  if (!holds) std::abort();
}

// A refusal can be sent, and reads as what it was.
void CheckRefusal(const prism::Error& error) {
  std::string answer;
  AppendErrorResponse(answer, error);
  Require(answer.size() < 30'000);
  MessageReader reader(kMaxBodyOfServer);
  const auto read = reader.Read(answer);
  Require(read && read->message && read->message->type == 'E' && read->consumed == answer.size());
  const auto report = ParseReport(read->message->body);
  Require(report && report->severity == "FATAL" && report->message == error.message());
  Require(report->sqlstate == SqlErrorOf(error).sqlstate && report->sqlstate.size() == 5);
}

void CheckRequest(StartupMessage message, std::string_view server_name) {
  const StartupMessage sent = message;
  const auto request = ReadBranchRequest(std::move(message), server_name, kDomain);
  if (!request) return CheckRefusal(request.error());
  if (request->branch) {
    const auto again = BranchName::From(request->branch->name());
    Require(again && again->name() == request->branch->name());
    Require(request->branch->Means(request->branch->name(), request->branch->label()));
  }
  Require(!request->message.user().empty());
  Require(request->message.parameters().size() <= sent.parameters().size());
  const auto options = request->message.Find("options");
  Require(options.has_value() == sent.Find("options").has_value());
  if (options) Require(CutBranchSettings(*options).settings.empty());

  // What is written for the server reads as the same.
  const std::string packet = request->message.Write(kProtocol30);
  Require(packet.size() <= kMaxStartupPacket && Int32At(packet.data()) == packet.size());
  const auto written = StartupMessage::Parse(kProtocol30, std::string_view(packet).substr(8));
  Require(written && !written->MustNegotiate());
  Require(written->user() == request->message.user());
  Require(written->database() == request->message.database());
  Require(written->replication() == sent.replication());
}

// Up to the step that ends the conversation; the bytes consumed are appended.
std::vector<StartupParser::Step> StepsOf(std::string_view bytes, std::size_t piece,
                                         StartupParser::Transport transport) {
  StartupParser parser(transport);
  std::vector<StartupParser::Step> steps;
  while (!bytes.empty()) {
    auto [consumed, step] = parser.Feed(bytes.substr(0, piece));
    Require(consumed <= bytes.size());
    bytes.remove_prefix(consumed);
    if (std::holds_alternative<StartupParser::NeedMore>(step)) {
      Require(consumed > 0);
      continue;
    }
    const std::size_t kind = step.index();
    steps.push_back(std::move(step));
    if (kind > StartupParser::Step(StartupParser::DirectTls{}).index()) break;
    // Every other 'S': what follows is encrypted.
    if (kind == StartupParser::Step(StartupParser::SslRequest{}).index() && bytes.size() % 2 == 0) {
      parser.TlsStarted();
    }
  }
  return steps;
}

void CheckStartup(std::string_view bytes) {
  for (const auto transport :
       {StartupParser::Transport::kTcp, StartupParser::Transport::kUnixSocket}) {
    const auto whole = StepsOf(bytes, bytes.size(), transport);
    const auto pieces = StepsOf(bytes, 1, transport);
    Require(whole.size() == pieces.size() && whole.size() <= 4);
    for (std::size_t i = 0; i < whole.size(); ++i) Require(whole[i].index() == pieces[i].index());
    if (whole.empty()) continue;
    if (const auto* error = std::get_if<prism::Error>(&whole.back())) CheckRefusal(*error);
    if (const auto* cancel = std::get_if<StartupParser::Cancel>(&whole.back())) {
      std::string packet;
      AppendCancelRequest(packet, cancel->process_id, cancel->key);
      Require(bytes.contains(packet));
    }
    if (const auto* message = std::get_if<StartupMessage>(&whole.back())) {
      Require(*message->Find("user") == message->user());
      std::string answer;
      AppendNegotiateProtocolVersion(answer, message->version(), message->unknown_options());
      Require(answer.size() >= 13);
      CheckRequest(*message, {});
    }
  }
}

// Lines: the name of the host, then names and values in turn.
void CheckLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  std::string body;
  for (std::size_t i = 1; i + 1 < lines.size(); i += 2) {
    if (lines[i].empty()) continue;
    AppendText(body, lines[i]);
    AppendText(body, lines[i + 1]);
  }
  body.push_back('\0');
  if (body.size() + 8 > kMaxStartupPacket) return;
  auto message = StartupMessage::Parse(kProtocol32, body);
  if (!message) return CheckRefusal(message.error());
  CheckRequest(*std::move(message), lines.front());
}

void CheckBody(const Message& message) {
  std::string written;
  if (const auto body = ParsePassword(message.body)) {
    Require(message.body == std::string(*body) + '\0');
  }
  if (const auto body = ParseSaslInitialResponse(message.body); body && body->data) {
    AppendSaslInitialResponse(written, body->mechanism, *body->data);
    Require(std::string_view(written).substr(5) == message.body);
  }
  if (const auto body = ParseBackendKeyData(message.body)) {
    written.clear();
    AppendBackendKeyData(written, body->process_id, body->key);
    Require(std::string_view(written).substr(5) == message.body);
  }
  if (const auto body = ParseAuthentication(message.body); body && body->code == 10) {
    if (const auto mechanisms = ParseMechanisms(body->data)) {
      written.clear();
      AppendAuthenticationSasl(written, *mechanisms);
      Require(std::string_view(written).substr(5) == message.body);
    }
  }
  if (const auto report = ParseReport(message.body)) {
    written.clear();
    AppendNoticeResponse(written, {.severity = report->severity,
                                   .sqlstate = report->sqlstate,
                                   .message = report->message,
                                   .detail = {},
                                   .hint = {},
                                   .reason = {}});
    Require(ParseReport(std::string_view(written).substr(5)).has_value());
  }
}

std::string MessagesOf(std::string_view bytes, std::size_t piece) {
  MessageReader reader(kMaxBodyOfStranger);
  std::string seen;
  while (!bytes.empty()) {
    const auto progress = reader.Read(bytes.substr(0, piece));
    if (!progress) {
      CheckRefusal(progress.error());
      return seen + "refused";
    }
    Require(progress->consumed > 0);
    bytes.remove_prefix(progress->consumed);
    if (!progress->message) continue;
    Require(progress->message->body.size() <= kMaxBodyOfStranger);
    CheckBody(*progress->message);
    seen.append(1, progress->message->type).append(progress->message->body);
  }
  return seen;
}

void CheckSession(std::string_view bytes) {
  SessionState whole;
  whole.Follow(bytes);
  SessionState pieces;
  for (const char& byte : bytes) pieces.Follow({&byte, 1});
  Require(whole.status() == pieces.status() && whole.copying() == pieces.copying() &&
          whole.replicating() == pieces.replicating() && whole.following() == pieces.following());
  Require(!whole.copying() || !whole.replicating());
}

void CheckProxyHeader(std::string_view bytes) {
  ProxyHeaderParser parser;
  const auto [consumed, step] = parser.Feed(bytes);
  Require(consumed <= ProxyHeaderParser::kMaxHeader);
  ProxyHeaderParser other;
  std::size_t index = 0;
  ProxyHeaderParser::Step last = ProxyHeaderParser::NeedMore{};
  while (index < bytes.size() && std::holds_alternative<ProxyHeaderParser::NeedMore>(last)) {
    last = other.Feed(bytes.substr(index++, 1)).step;
  }
  if (!bytes.empty()) Require(last.index() == step.index());
  const auto* header = std::get_if<ProxyHeader>(&step);
  if (header == nullptr || header->family == ProxyHeader::Family::kNone) return;
  const auto& seen = std::get<ProxyHeader>(last);
  Require(index == consumed && seen.source == header->source);
}

// Nobody guesses: the keys are random in every run.
void CheckCancelKeys(std::string_view bytes) {
  CancelKeys keys(1, 2);
  const auto key = keys.Mint(kProtocol32, 7);
  Require(key.has_value() && keys.Find(key->process_id, key->key) == 7U);
  if (bytes.size() >= 4) Require(!keys.Find(Int32At(bytes.data()), bytes.substr(4)));
  Require(!keys.Find(key->process_id, bytes));
  Require(keys.Mint(kProtocol30, 8).has_value() && !keys.Mint(kProtocol30, 9).has_value());
  keys.Remove(key->process_id);
  Require(!keys.Find(key->process_id, key->key));
}

void CheckRefusals(std::string_view subject) {
  for (int i = 0; i < static_cast<int>(Refusal::kCount); ++i) {
    CheckRefusal(Refuse(static_cast<Refusal>(i), subject));
  }
  for (int i = 1; i <= static_cast<int>(prism::Code::kUnauthenticated); ++i) {
    CheckRefusal(prism::Error(static_cast<prism::Code>(i), "OTHER", "message"));
  }
}

// What has no reader of ours is as long as it says.
void CheckAnswers(std::string_view data) {
  std::string out;
  AppendAuthenticationOk(out);
  AppendAuthenticationSaslContinue(out, data);
  AppendAuthenticationSaslFinal(out, data);
  AppendSaslResponse(out, data);
  MessageReader reader(kMaxBodyOfServer);
  std::string types;
  for (std::string_view rest = out; !rest.empty();) {
    const auto progress = reader.Read(rest);
    if (!progress) return Require(data.size() + 4 > kMaxBodyOfServer);
    Require(progress->message.has_value());
    types.push_back(progress->message->type);
    rest.remove_prefix(progress->consumed);
  }
  Require(types == "RRRp");
  std::string request;
  AppendSslRequest(request);
  const auto step = StartupParser(StartupParser::Transport::kTcp).Feed(request).step;
  Require(std::holds_alternative<StartupParser::SslRequest>(step));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 's':
      CheckStartup(rest);
      break;
    case 'l':
      CheckLines(rest);
      break;
    case 'm':
      Require(MessagesOf(rest, rest.size()) == MessagesOf(rest, 1));
      break;
    case 'f':
      CheckSession(rest);
      break;
    case 'p':
      CheckProxyHeader(rest);
      break;
    case 'c':
      CheckCancelKeys(rest);
      break;
    default:
      CheckRefusals(rest);
      CheckAnswers(rest);
      break;
  }
  return 0;
}
