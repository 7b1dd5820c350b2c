#include "rpc/call/connect_get.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/base64.h"
#include "rpc/query.h"

namespace prism::rpc {
namespace {

struct Parameters {
  std::optional<std::string> connect;
  std::optional<std::string> encoding;
  std::optional<std::string> compression;
  std::optional<std::string> base64;
  std::optional<std::string> message;

  // nullptr: none that means something here, such as what tells caches apart.
  std::optional<std::string>* Find(std::string_view name) {
    if (name == "connect") return &connect;
    if (name == "encoding") return &encoding;
    if (name == "compression") return &compression;
    if (name == "base64") return &base64;
    if (name == "message") return &message;
    return nullptr;
  }
};

Error Invalid(std::string parameter, std::string description) {
  return InvalidField("QUERY_PARAMETER_INVALID", std::move(parameter), std::move(description));
}

Result<Parameters> ReadParameters(std::string_view query) {
  Parameters parameters;
  QueryReader reader(query);
  for (;;) {
    TRY_ASSIGN(auto next, reader.Next());
    if (!next) return parameters;
    std::optional<std::string>* known = parameters.Find(next->name);
    if (known == nullptr) continue;
    if (*known) return std::unexpected(Invalid(next->name, "must not be there more than once"));
    *known = std::move(next->value);
  }
}

}  // namespace

Result<ConnectGet> ParseConnectGet(std::string_view query) {
  TRY_ASSIGN(Parameters parameters, ReadParameters(query));
  if (parameters.connect && *parameters.connect != "v1") {
    return std::unexpected(InvalidField("CONNECT_VERSION_UNSUPPORTED", "connect", "must be v1"));
  }
  if (!parameters.encoding) {
    return std::unexpected(Invalid("encoding", "is missing: json or proto"));
  }
  if (!parameters.message) {
    return std::unexpected(Invalid("message",
                                   "is missing: the request message, in JSON {} if "
                                   "nothing in it is set"));
  }
  if (parameters.base64) {
    if (*parameters.base64 != "1") return std::unexpected(Invalid("base64", "must be 1"));
    auto bytes = base::Base64UrlDecode(*parameters.message);
    if (!bytes) {
      return std::unexpected(Invalid("message", "is not base64 with the alphabet for URLs"));
    }
    parameters.message = std::move(bytes);
  }
  return ConnectGet{.encoding = *std::move(parameters.encoding),
                    .compression = std::move(parameters.compression).value_or(""),
                    .message = *std::move(parameters.message)};
}

}  // namespace prism::rpc
