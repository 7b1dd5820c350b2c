// The slow-request log as the admin port shows it.
#pragma once

#include <span>
#include <string>

#include "gateway/slow_log.h"

namespace prism::app {

// JSON: the threshold, how many there were, and those that are remembered, the newest first.
std::string SlowPage(std::span<const gateway::SlowSample> shards);

}  // namespace prism::app
