// For tests: making and comparing trees of files.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace prism::branching::testing {

// Makes the file with what is needed above it.
void WriteFile(const std::string& path, std::string_view contents);
std::string ReadFile(const std::string& path);

// A small tree with all that a data directory can have: nested and empty directories, links of
// both kinds, a sparse file, odd modes, old times.
void MakeSampleTree(const std::string& path);

// Path to kind, mode, owner, time, size, contents and names of each entry: equal trees have equal
// ones. The root is "".
std::map<std::string, std::string> Describe(const std::string& path);

}  // namespace prism::branching::testing
