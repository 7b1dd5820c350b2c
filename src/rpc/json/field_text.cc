#include "rpc/json/field_text.h"

#include <utility>

namespace prism::rpc {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigitOrDot(char c) { return (c >= '0' && c <= '9') || c == '.'; }

std::optional<std::string> SnakePath(std::string_view camel) {
  if (camel.empty()) return std::nullopt;
  std::string path;
  for (const char c : camel) {
    if (IsUpper(c)) {
      path += '_';
      path += static_cast<char>(c - 'A' + 'a');
    } else if (IsLower(c) || IsDigitOrDot(c)) {
      path += c;
    } else {
      return std::nullopt;
    }
  }
  return path;
}

}  // namespace

std::optional<std::vector<std::string>> ParseFieldMask(std::string_view text) {
  std::vector<std::string> paths;
  if (text.empty()) return paths;
  while (true) {
    const std::size_t comma = text.find(',');
    std::optional<std::string> path = SnakePath(text.substr(0, comma));
    if (!path) return std::nullopt;
    paths.push_back(*std::move(path));
    if (comma == std::string_view::npos) return paths;
    text.remove_prefix(comma + 1);
  }
}

bool AppendFieldMaskPath(std::string_view path, std::string& out) {
  if (path.empty()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '_') {
      if (++i == path.size() || !IsLower(path[i])) return false;
      out += static_cast<char>(path[i] - 'a' + 'A');
    } else if (IsLower(path[i]) || IsDigitOrDot(path[i])) {
      out += path[i];
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace prism::rpc
