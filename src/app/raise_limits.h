// What the process asks of the kernel at its start.
#pragma once

#include <cstdint>

namespace prism::app {

// Raises the soft limit of open files to the hard one: a connection is a descriptor. Returns the
// limit that holds now.
std::uint64_t RaiseFileLimit();

}  // namespace prism::app
