// Requests and answers as our own types.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "branching/instances/sandbox.h"
#include "branching/privileged/helper.pb.h"
#include "branching/storage/driver.h"

namespace prism::branching::internal {

// A request whose every field is within its bounds; whether it may be fulfilled is still to be
// seen. INVALID_ARGUMENT/PRIVILEGED_REQUEST.
Result<privileged::Request> ReadRequest(std::string_view bytes);

// INTERNAL/PRIVILEGED_ANSWER.
Result<privileged::Answer> ReadAnswer(std::string_view bytes);

privileged::Answer Done();
privileged::Answer FailureOf(const Error& error);
privileged::Answer ProgressOf(const TransferProgress& progress);
privileged::Answer UsageOf(const VolumeUsage& usage);
privileged::Answer WallsOf(const Isolation& isolation);

Error ErrorOf(const privileged::Failure& failure);
Isolation IsolationOf(const privileged::FoundWalls& walls);

}  // namespace prism::branching::internal
