// What the suites are made of: cases with stable ids, each about one interface.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::conformance {

class Run;

// One promise of an interface. `run` answers OK when it is kept; the error's message says what was
// seen instead. UNIMPLEMENTED/INTERFACE_NOT_BOUND means that the namespace does not offer what the
// case needs.
struct Case {
  std::string_view id;  // stable: "KV-CAS-03", or the id of the acceptance case that it restates
  std::string_view interface;  // "keyvalue_cas"
  std::string_view title;      // the promise, in one line
  Status (*run)(Run&);
};

// The suites, one for each interface; the cases live as long as the program.
std::span<const Case> KeyValueBasicCases();
std::span<const Case> KeyValueScanCases();
std::span<const Case> KeyValueTtlCases();
std::span<const Case> KeyValueTransactionalCases();
std::span<const Case> KeyValueBatchCases();
std::span<const Case> KeyValueCasCases();

// All cases, in the order in which they run.
std::vector<const Case*> AllCases();

}  // namespace prism::conformance
