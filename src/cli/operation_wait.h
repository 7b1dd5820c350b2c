// Long work of the server, waited for.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>

#include "base/status.h"
#include "cli/admin_common.h"
#include "cli/shell.h"
#include "prism/admin/v1/operations.pb.h"

namespace prism::cli {

// "operation 12 goes on: prism operation get 12".
std::string GoesOn(const std::string& operation);
// As the call would have failed whose operation has, of "CODE/REASON: message".
Error ErrorOf(const std::string& text);

// The operation when it has ended. On a terminal a line tells how far it is. Ctrl-C ends the wait
// alone, and says how to look at what goes on. DEADLINE_EXCEEDED when the user's --timeout is over
// first.
Result<admin::v1::Operation> AwaitEnd(Shell& shell, admin::v1::Operation operation);

// Waits for what a call that was answered with `begun` goes on with: the name of what was made, or
// its error. Nothing when it is not to be waited for, which was told then.
Result<std::optional<std::string>> AwaitWork(Shell& shell, const ChangeOptions& options,
                                             const std::string& operation,
                                             const google::protobuf::Message& begun);

}  // namespace prism::cli
