// The ready file: what a script waits for, instead of time.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::app {

struct Addresses {
  std::string data;
  std::string admin;
  std::string postgres;  // empty: no branches
};

// Writes {"data": "127.0.0.1:41234", "admin": ..., "postgres": ..., "pid": 1} so that a reader sees
// all of it or nothing: to a file beside it, then renamed. FAILED_PRECONDITION/READY_FILE.
Status WriteReadyFile(const std::string& path, const Addresses& addresses);

}  // namespace prism::app
