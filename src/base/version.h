// Which program this is.
#pragma once

#include <string_view>

namespace prism {

// "0.1.0": major.minor.patch (semver.org), as CMakeLists.txt names it.
std::string_view Version();

}  // namespace prism
