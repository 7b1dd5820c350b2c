// Differences of texts, line by line.
#pragma once

#include <string>
#include <string_view>

namespace prism::cli {

// What `diff -u` would print, with three lines around each change; empty when the texts are equal.
// Texts so different that comparing them would take long are told as replaced as a whole.
std::string UnifiedDiff(std::string_view before, std::string_view after,
                        std::string_view before_name, std::string_view after_name);

// What is gone in red, what is new in green, and where it is in cyan.
std::string ColoredDiff(std::string_view diff);

// On standard output, in colour when it has some. Lines are made harmless for a terminal.
void PrintDiff(std::string_view diff);

}  // namespace prism::cli
