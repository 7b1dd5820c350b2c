// Runs the cases against a gateway and says, for each interface, whether its promises are kept.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/case.h"
#include "conformance/run.h"

namespace prism::conformance {

enum class Verdict : std::uint8_t { kKept, kBroken, kNotBound };
std::string_view VerdictName(Verdict verdict);  // "pass", "FAIL", "not bound"

struct CaseOutcome {
  const Case* test = nullptr;
  Verdict verdict = Verdict::kKept;
  std::string message = {};  // what was seen instead; empty when kept
  std::chrono::milliseconds duration{0};
};

struct RunnerOptions {
  Target target;
  std::string filter;  // only cases whose id or interface contains this text; empty: all
  // Called before each case, with how many have run and how many there are.
  std::function<void(std::size_t done, std::size_t total, const Case& next)> progress;
};

// Every case gets keys of its own under a prefix that is new for each run and is removed
// afterwards. The error is about reaching the gateway at all; broken promises are outcomes.
Result<std::vector<CaseOutcome>> RunCases(const RunnerOptions& options);

}  // namespace prism::conformance
