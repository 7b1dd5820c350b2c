// The storage engines that random commands are held against: one line each in AllSubjects().
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "contract/backend.h"
#include "tests/engine/random_commands.h"

namespace prism::engine::testing {

std::vector<std::unique_ptr<Subject>> AllSubjects(const contract::NamespaceSettings& settings,
                                                  Clock& clock);

}  // namespace prism::engine::testing
