// One client, from its first byte to its last.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "branching/pgwire/session_state.h"
#include "branching/proxy/branch_host.h"
#include "branching/proxy/hello.h"
#include "branching/proxy/server_login.h"
#include "branching/proxy/socket_stream.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::branching {

class ProxyShard;
class Relay;

// Where a cancel request goes.
struct CancelTarget {
  std::string socket_path;
  std::uint32_t process_id = 0;
  std::string key;
};

// hello -> login -> branch -> relay. Life cycle: construct, Run once, destroy. Thread rule: its
// shard.
class Session {
 public:
  Session(ProxyShard& owner, base::UniqueFd fd, std::string peer, HelloRules rules);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  runtime::Task<void> Run();
  // Run completes soon; a client that can be told is.
  void End(runtime::CancelReason why) { cancel_.Cancel(why); }
  // The same, as soon as no transaction is open; a stranger is not let in.
  void Leave();
  bool stranger() const { return stranger_; }
  bool ending() const { return cancel_.cancelled(); }
  const CancelTarget& target() const { return target_; }

 private:
  friend class ProxyShard;

  // In a branch, or at its door.
  struct Place {
    std::unique_ptr<Entrance> entrance;  // outlives the connection to its server
    LoginOutcome outcome;
  };

  runtime::Task<Status> Serve();
  runtime::Task<Status> ServeClient(ClientHello hello);
  runtime::Task<Status> PassGate();
  // Returns the source whose role the user is.
  // `spelled`: the user as the client gives it.
  runtime::Task<Result<std::string>> Authenticate(const BranchRequest* request, std::string spelled,
                                                  MessageStream* messages);
  runtime::Task<Result<Place>> Hold(EntryRequest request, StartupMessage startup);
  runtime::Task<Result<Place>> FindPlace(EntryRequest request, StartupMessage startup);
  runtime::Task<Result<LoginOutcome>> Join(const Entrance* entrance, StartupMessage startup);
  runtime::Task<Result<LoginOutcome>> LogInOnce(const Entrance* entrance, StartupMessage startup);
  runtime::Task<Status> Converse(const Entrance* entrance, ServerSession server,
                                 std::uint32_t version, std::string to_server);
  runtime::Task<Status> Connect(BranchRequest request, std::string source, MessageStream* messages);
  runtime::Task<void> TellWhenLong(std::string branch, runtime::CancelSource* over);
  runtime::Task<void> WatchClient(runtime::CancelSource* over);
  runtime::Task<Status> PassCancel(StartupParser::Cancel request);
  runtime::Task<void> Refuse(Error error);
  runtime::Task<void> SayLast(std::string message);
  runtime::Task<void> Linger();
  Until InHandshake();
  Until ForLastWords();

  ProxyShard& owner_;
  std::string peer_;  // the real one, when a balancer has introduced it
  const HelloRules rules_;
  SocketStream client_;
  runtime::CancelSource cancel_;
  SessionState state_;
  std::optional<ScramKeys> keys_;  // as LogIn wants them
  CancelTarget target_;
  Relay* relay_ = nullptr;  // while there is one
  std::uint32_t key_ = 0;   // the process id that the client was told; 0: none
  MonoNanos handshake_deadline_;
  bool stranger_ = true;  // has proven nothing yet
  Session* next_ = nullptr;
  Session* prev_ = nullptr;
};

}  // namespace prism::branching
