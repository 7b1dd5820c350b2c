#include "base/version.h"

namespace prism {

std::string_view Version() { return PRISM_VERSION; }

}  // namespace prism
