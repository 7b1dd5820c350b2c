#include "conformance/case.h"

namespace prism::conformance {

std::vector<const Case*> AllCases() {
  std::vector<const Case*> all;
  for (const auto suite :
       {KeyValueBasicCases(), KeyValueScanCases(), KeyValueTtlCases(), KeyValueTransactionalCases(),
        KeyValueBatchCases(), KeyValueCasCases()}) {
    for (const Case& test : suite) all.push_back(&test);
  }
  return all;
}

}  // namespace prism::conformance
