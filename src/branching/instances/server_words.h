// What a server says of itself, in its files and by messages. It belongs to a user who may have put
// anything there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::branching {

// The number that the first line is, apart from blanks around it (PG_VERSION, postmaster.pid);
// nothing: it is none, or beyond 32 bits.
std::optional<int> NumberOfFirstLine(std::string_view text);

// Of postmaster.pid.
bool PidFileSaysReady(std::string_view text);

// Of a message to NOTIFY_SOCKET (sd_notify(3)).
bool MessageSaysReady(std::string_view message);

// The first 8 KiB of a file, which is more than any of these has; nothing when it can't be read or
// is a link. Waits for nobody, as a pipe of that name would.
std::optional<std::string> ReadServerFile(const std::string& path);

}  // namespace prism::branching
