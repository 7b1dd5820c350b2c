// An Error as Connect and plain HTTP carry it. Source: Connect Protocol Reference, "Error Codes"
// and "Error End-Stream".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

// {"code":"not_found","message":"...","details":[{"type":"google.rpc.ErrorInfo","value":"<base64>",
// "debug":{...}}]}; `debug` is the detail once more, readable.
std::string ConnectErrorJson(const Error& error);
// The last frame of a Connect stream, without its prefix; nullptr: it ended well.
std::string ConnectEndJson(const Error* error);
// "404" and the like.
std::string_view HttpStatusOf(Code code);

}  // namespace prism::rpc
