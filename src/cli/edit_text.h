// What a person sees in the editor: settings as YAML, with what is to know and what went wrong
// above them as comments.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "namespaces/problems.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::cli {

// Of lines that this program puts above a text and takes away again.
inline constexpr std::string_view kMistakeMark = "#! ";

// The first text: the settings, and which others there are.
std::string EditableText(const prism::admin::v1::Namespace& ns);
// Without the lines that tell of mistakes.
std::string WithoutMistakes(std::string_view text);
// The text with its mistakes above. Lines of `problems` count from the first of `text`, and are
// told as what they are in the result.
std::string WithMistakes(std::string_view text, const std::vector<namespaces::Problem>& problems);
// What a server says of settings, as problems without a line (line 0).
std::vector<namespaces::Problem> ProblemsOf(const Error& error);

}  // namespace prism::cli
