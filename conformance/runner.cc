#include "conformance/runner.h"

#include "base/clock.h"
#include "base/ids.h"

namespace prism::conformance {
namespace {

bool Selected(const Case& test, const std::string& filter) {
  return filter.empty() || test.id.find(filter) != std::string_view::npos ||
         test.interface.find(filter) != std::string_view::npos;
}

CaseOutcome RunOne(const Case& test, const Target& target, const std::string& prefix) {
  CaseOutcome outcome{.test = &test};
  const MonoNanos start = MonotonicNow();
  Run run(target, prefix + std::string(test.id) + "/");
  const Status status = test.run(run);
  outcome.duration = std::chrono::milliseconds((MonotonicNow() - start) / kNanosPerMilli);
  if (status) return outcome;
  outcome.verdict =
      status.error().reason() == "INTERFACE_NOT_BOUND" ? Verdict::kNotBound : Verdict::kBroken;
  outcome.message = status.error().reason() == "PROMISE_BROKEN" ? status.error().message()
                                                                : status.error().ToString();
  return outcome;
}

// Best effort: a namespace without keyvalue_scan keeps the keys.
void RemoveKeys(const Target& target, const std::string& prefix) {
  Run run(target, prefix);
  keyvalue::v1::DeletePrefixRequest request;
  request.set_prefix(prefix);
  [[maybe_unused]] const auto removed = run.Call(request);
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKept:
      return "pass";
    case Verdict::kBroken:
      return "FAIL";
    case Verdict::kNotBound:
      return "not bound";
  }
  return "unknown";
}

Result<std::vector<CaseOutcome>> RunCases(const RunnerOptions& options) {
  rpc::Channel probe(options.target.channel);
  TRY(probe.Connect());
  std::vector<const Case*> selected;
  for (const Case* test : AllCases()) {
    if (Selected(*test, options.filter)) selected.push_back(test);
  }
  const std::string prefix = "conformance/" + base::NewId() + "/";
  std::vector<CaseOutcome> outcomes;
  for (const Case* test : selected) {
    if (options.progress) options.progress(outcomes.size(), selected.size(), *test);
    outcomes.push_back(RunOne(*test, options.target, prefix));
  }
  RemoveKeys(options.target, prefix);
  return outcomes;
}

}  // namespace prism::conformance
