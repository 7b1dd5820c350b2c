#include "cli/shell.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <utility>

#include "base/version.h"
#include "cli/message_output.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

// What the command line can do about an error that a server or library could not know of.
struct Hint {
  std::string_view reason;
  std::string_view text;
};
constexpr std::array<Hint, 6> kHints = {{
    {"SERVER_UNREACHABLE",
     "name another address with --server or PRISM_SERVER (admin port: --admin-server)"},
    {"DEADLINE_EXCEEDED", "allow more time with --timeout, such as --timeout 2m"},
    {"TLS_HANDSHAKE_FAILED", "see --tls, --tls-ca, --tls-cert and --tls-key"},
    {"NOT_HTTP2", "name another address with --server, or add --tls"},
    {"UNAUTHENTICATED", "give a token with --token or PRISM_TOKEN"},
    {"TRANSACTION_CONFLICT", "run the command again: nothing was applied"},
}};

std::string_view HintFor(const Error& error) {
  for (const Hint& hint : kHints) {
    if (hint.reason == error.reason() || hint.reason == CodeName(error.code())) return hint.text;
  }
  return {};
}

nlohmann::ordered_json ErrorToJson(const Error& error) {
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  for (const auto& [key, value] : error.metadata()) metadata[key] = value;
  nlohmann::ordered_json json = {
      {"code", CodeName(error.code())}, {"reason", error.reason()}, {"message", error.message()}};
  if (!metadata.empty()) json["metadata"] = metadata;
  for (const Error::FieldViolation& field : error.fields()) {
    json["problems"].push_back({{"at", field.field}, {"problem", field.description}});
  }
  if (const std::string_view hint = HintFor(error); !hint.empty()) json["hint"] = hint;
  return {{"error", json}};
}

// Some messages say themselves what is wrong with which field, others say only how many there are.
bool IsTold(const Error& error, const Error::FieldViolation& problem) {
  const std::string& message = error.message();
  if (message.contains(problem.field + ": " + problem.description)) return true;
  return error.fields().size() == 1 &&
         (message.contains(problem.description) || message.starts_with(problem.field + ": "));
}

}  // namespace

std::string DescribeError(const Error& error) {
  std::string text = "error: " + PrintableMessage(error.ToString());
  for (const auto& [key, value] : error.metadata()) {
    if (key == "request_id") text += fmt::format(" (request id {})", Printable(value));
  }
  for (const Error::FieldViolation& problem : error.fields()) {
    if (IsTold(error, problem)) continue;
    text += PrintableMessage(fmt::format("\n  {}: {}", problem.field, problem.description));
  }
  if (const std::string_view hint = HintFor(error); !hint.empty())
    text.append("\nhint: ").append(hint);
  return text;
}

void Shell::On(CLI::App& verb, std::function<int()> action, Formats formats) {
  verb.callback([this, action = std::move(action), formats] {
    if (yaml() && formats != Formats::kAll) {
      throw CLI::ValidationError("--output", "this verb prints table and json");
    }
    action_ = action;
  });
}

bool Shell::Print(const google::protobuf::Message& message) const {
  if (json()) WriteLine(DumpJson(MessageToJson(message)));
  if (yaml()) WriteOut(MessageToYaml(message));
  return options.output != Output::kTable;
}

bool Shell::PrintElement(const google::protobuf::Message& message) const {
  if (!yaml()) return Print(message);
  WriteOut(JsonToYaml(nlohmann::ordered_json::array({MessageToJson(message, kYamlForm)})));
  return true;
}

int Shell::Run() {
  int code = action_ ? action_() : kBadUsage;
  // A full disk or a closed pipe is noticed here at the latest.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    code = Fail(Error(
        Code::kDataLoss, "OUTPUT_INCOMPLETE",
        "the output could not be written: check the space on the disk and what reads the output"));
  }
  return code;
}

rpc::ChannelOptions Shell::Target(const std::string& address) const {
  rpc::ChannelOptions target;
  target.target = address;
  const rpc::ClientTlsOptions& files = options.tls_files;
  if (options.tls || !files.ca_file.empty() || !files.cert_file.empty() ||
      !files.key_file.empty()) {
    target.tls = files;
  }
  target.token = options.token;
  target.user_agent = fmt::format("prism-cli/{}", Version());
  target.connect_timeout = std::min(target.connect_timeout, call_timeout());
  return target;
}

rpc::Channel& Shell::channel() {
  if (!channel_) channel_ = std::make_unique<rpc::Channel>(Target(options.server));
  return *channel_;
}

rpc::Channel& Shell::admin_channel() {
  if (!admin_channel_)
    admin_channel_ = std::make_unique<rpc::Channel>(Target(options.admin_server));
  return *admin_channel_;
}

rpc::CallOptions Shell::MakeCallOptions(std::chrono::milliseconds timeout) const {
  rpc::CallOptions call{.timeout = timeout, .metadata = {}};
  if (!options.request_id.empty()) call.metadata.emplace_back("x-request-id", options.request_id);
  if (!options.min_durability.empty())
    call.metadata.emplace_back("prism-min-durability", options.min_durability);
  return call;
}

Result<rpc::Reply> Shell::Call(std::string_view path, const google::protobuf::Message& request,
                               google::protobuf::Message& response) {
  return channel().Call(path, request, response, MakeCallOptions(call_timeout()));
}

Result<rpc::ClientStream> Shell::Stream(std::string_view path,
                                        const google::protobuf::Message& request) {
  return channel().Stream(path, request, MakeCallOptions(options.timeout.value_or(kStreamTimeout)));
}

Result<rpc::Reply> Shell::AdminCall(std::string_view path, const google::protobuf::Message& request,
                                    google::protobuf::Message& response) {
  return admin_channel().Call(path, request, response, MakeCallOptions(call_timeout()));
}

Result<rpc::ClientStream> Shell::AdminStream(std::string_view path,
                                             const google::protobuf::Message& request) {
  return admin_channel().Stream(path, request,
                                MakeCallOptions(options.timeout.value_or(kStreamTimeout)));
}

Result<rpc::Reply> Shell::AdminSend(std::string_view path, const rpc::Channel::Writer& write,
                                    google::protobuf::Message& response) {
  return admin_channel().Send(path, write, response,
                              MakeCallOptions(options.timeout.value_or(kStreamTimeout)));
}

int Shell::Fail(const Error& error) const {
  std::fflush(stdout);
  const std::string text = json() ? DumpJson(ErrorToJson(error)) : DescribeError(error);
  fmt::print(stderr, "{}\n", text);
  return kFailed;
}

}  // namespace prism::cli
