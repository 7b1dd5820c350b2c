// Field masks as JSON strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prism::rpc {

// "user.displayName,photo" as the paths "user.display_name" and "photo"; nothing when a path is
// empty or has other characters than letters, digits and dots.
std::optional<std::vector<std::string>> ParseFieldMask(std::string_view text);
// Appends the path in lowerCamelCase; false when ParseFieldMask would not bring it back.
bool AppendFieldMaskPath(std::string_view path, std::string& out);

}  // namespace prism::rpc
