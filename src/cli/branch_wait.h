// Work on branches that the server goes on with behind its answer, waited for.
#pragma once

#include <string>

#include "base/status.h"
#include "cli/admin_common.h"
#include "cli/shell.h"
#include "prism/admin/v1/branches.pb.h"

namespace prism::cli {

// `into` was the answer to a call with `background`, and is what the work has made when it is true.
// False: it is not waited for, which was told. Errors of the work and of AwaitEnd.
Result<bool> AwaitBranch(Shell& shell, const ChangeOptions& options, admin::v1::Branch& into);
Result<bool> AwaitSnapshot(Shell& shell, const ChangeOptions& options, const std::string& branch,
                           admin::v1::Snapshot& into);
Result<bool> AwaitSource(Shell& shell, const ChangeOptions& options, admin::v1::BranchSource& into);

}  // namespace prism::cli
