// Becoming somebody else, for good.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::app {

// Gives up everything that root may do: user, group and groups of the process become those of the
// user. Nothing happens when the process is that user already. NOT_FOUND/USER_NOT_FOUND,
// PERMISSION_DENIED/USER_NOT_PERMITTED. Thread rule: holds for all threads (setresuid(3) of glibc).
Status BecomeUser(const std::string& name);

}  // namespace prism::app
