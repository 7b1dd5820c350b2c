// A Connect call of a method without side effects as a GET: its message is in the query. Source:
// Connect Protocol Reference, "Unary-Get-Request".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

// What the query says; whether it is something that the server has is not decided here.
struct ConnectGet {
  std::string encoding;     // "json", "proto"
  std::string compression;  // "gzip"; empty: none
  std::string message;      // as it would be in the body of a POST
};

// Whether a GET with this query is meant as a call, whatever else is wrong with it.
inline bool MeansConnectGet(std::string_view query) {
  return query.contains("encoding=") && query.contains("message=");
}

// INVALID_ARGUMENT: QUERY_MALFORMED, QUERY_PARAMETER_INVALID, CONNECT_VERSION_UNSUPPORTED.
Result<ConnectGet> ParseConnectGet(std::string_view query);

}  // namespace prism::rpc
