// What OpenSSL has to say about a failure, for people.
#pragma once

#include <string>

namespace prism::rpc {

// The last entry of this thread's error queue without its numbers, "unknown reason" when there is
// none; empties the queue.
std::string OpenSslReason();

}  // namespace prism::rpc
