// Errors as Connect and plain HTTP carry them. Source: Connect Protocol Reference, "Error Codes"
// and "Error End-Stream".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/header_list.h"

namespace google::rpc {
class Status;
}

namespace prism::rpc {

// {"code":"not_found","message":"...","details":[{"type":"google.rpc.ErrorInfo","value":"<base64>",
// "debug":{...}}]}; `debug` is the detail once more, readable.
std::string ConnectErrorJson(const google::rpc::Status& status);
// The last frame of a Connect stream, without its prefix; nullptr: it ended well.
std::string ConnectEndJson(const google::rpc::Status* status, const HeaderList& trailers);
// "404" and the like.
std::string_view HttpStatusOf(Code code);

}  // namespace prism::rpc
