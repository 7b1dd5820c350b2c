// What a client says before it logs in, and the encryption that it gets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "branching/pgwire/startup_message.h"
#include "branching/pgwire/startup_parser.h"
#include "branching/proxy/networks.h"
#include "branching/proxy/socket_stream.h"

namespace prism::branching {

struct ProxyTls {
  std::shared_ptr<const rpc::TlsContext> context;
  std::string end_point;  // what logins are bound to; see TlsServerEndPoint
};

// How clients may come.
struct HelloRules {
  StartupParser::Transport transport = StartupParser::Transport::kTcp;
  std::shared_ptr<const ProxyTls> tls;  // null: none
  bool tls_required = false;
  // Load balancers: each says first, by the PROXY protocol, who its client is. Null: there are
  // none.
  std::shared_ptr<const Networks> balancers = {};
};

// A client that wants to log in.
struct ClientHello {
  StartupMessage startup;
  std::string server_name;  // SNI; empty: none
  std::string seen;         // sent behind the packet
};

// Nothing more is to be said to whoever it was.
struct NoClient {};

using Hello = std::variant<ClientHello, StartupParser::Cancel, NoClient>;

// Who the client of a balancer is.
struct Introduction {
  std::string peer;  // address and port; empty: the balancer itself connects, or does not say
  std::string seen;  // sent behind it
};
// INVALID_ARGUMENT/BAD_PROXY_HEADER, of which nobody is to be told, and the errors of the stream.
runtime::Task<Result<Introduction>> ReceiveIntroduction(SocketStream* stream, Until until);

// `seen`: what was read already. Errors: those that the client is to be told (Refusal), those of
// the stream, and BAD_PROXY_HEADER of one who is not trusted.
runtime::Task<Result<Hello>> ReceiveHello(SocketStream* stream, HelloRules rules, std::string seen,
                                          Until until);

}  // namespace prism::branching
