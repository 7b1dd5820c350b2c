// What every verb of the command line shares: the options that all clients have, the connection,
// exit codes, and how errors are told.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/client/client.h"

namespace CLI {
class App;
}

namespace prism::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  // also: what was asked for is absent
inline constexpr int kBadUsage = 2;

enum class Output { kTable, kJson, kYaml };
// What a verb can print.
enum class Formats { kTableAndJson, kAll };

struct ClientOptions {
  std::string server = "127.0.0.1:8980";
  std::string admin_server = "127.0.0.1:8981";
  bool tls = false;
  rpc::ClientTlsOptions tls_files;
  std::string token;
  std::optional<std::chrono::milliseconds> timeout;  // of each call; unset: the defaults in Shell
  Output output = Output::kTable;
  std::string request_id;
  std::string min_durability;
};

// One invocation of the program. Life cycle: made by main, verbs register themselves (On), the
// command line is parsed, Run does what was chosen. Thread rule: one thread.
class Shell {
 public:
  static constexpr std::chrono::milliseconds kCallTimeout{30'000};
  // Streams and imports last as long as the data does; a day is a bound, not an expectation.
  static constexpr std::chrono::milliseconds kStreamTimeout{24 * 3600 * 1000};

  ClientOptions options;

  // `verb`, when it is the one on the command line, does `action`, which returns an exit code.
  // Another format than `formats` has is bad usage.
  void On(CLI::App& verb, std::function<int()> action, Formats formats = Formats::kTableAndJson);
  int Run();

  // Calls on the data port with the user's deadline and headers. `path` is
  // "/package.Service/Method".
  Result<rpc::Reply> Call(std::string_view path, const google::protobuf::Message& request,
                          google::protobuf::Message& response);
  Result<rpc::ClientStream> Stream(std::string_view path, const google::protobuf::Message& request);
  // The same on the admin port.
  Result<rpc::Reply> AdminCall(std::string_view path, const google::protobuf::Message& request,
                               google::protobuf::Message& response);
  Result<rpc::ClientStream> AdminStream(std::string_view path,
                                        const google::protobuf::Message& request);
  Result<rpc::Reply> AdminSend(std::string_view path, const rpc::Channel::Writer& write,
                               google::protobuf::Message& response);
  // How to reach a port with these options.
  rpc::ChannelOptions Target(const std::string& address) const;
  std::chrono::milliseconds call_timeout() const { return options.timeout.value_or(kCallTimeout); }

  bool json() const { return options.output == Output::kJson; }
  bool yaml() const { return options.output == Output::kYaml; }
  // With -o json or yaml: prints the message and says true. Else the verb prints its own.
  bool Print(const google::protobuf::Message& message) const;
  // The same of a list: its elements one after the other, in JSON one a line.
  bool PrintElement(const google::protobuf::Message& message) const;
  // Prints the error as DescribeError tells it on stderr (JSON with -o json). Returns kFailed.
  int Fail(const Error& error) const;

 private:
  rpc::CallOptions MakeCallOptions(std::chrono::milliseconds timeout) const;
  rpc::Channel& channel();
  rpc::Channel& admin_channel();

  std::function<int()> action_;
  std::unique_ptr<rpc::Channel> channel_;
  std::unique_ptr<rpc::Channel> admin_channel_;
};

// How every error is told: "error: CODE/REASON: message", a line for each problem that the message
// does not tell, and what to try.
std::string DescribeError(const Error& error);

}  // namespace prism::cli
