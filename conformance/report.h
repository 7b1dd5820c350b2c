// The outcome of a run as a matrix for people, JSON for programs, JUnit XML for CI systems.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/runner.h"

namespace prism::conformance {

// One line an interface (passed, failed, not bound), then one line for every failed case.
std::string FormatText(std::string_view ns, const std::vector<CaseOutcome>& outcomes);
std::string FormatJson(std::string_view ns, const std::vector<CaseOutcome>& outcomes);
// A testsuite for each interface; what is not bound is skipped (JUnit XML as CI systems read it).
std::string FormatJunit(std::string_view ns, const std::vector<CaseOutcome>& outcomes);

bool AllKept(const std::vector<CaseOutcome>& outcomes);

}  // namespace prism::conformance
