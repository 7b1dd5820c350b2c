#include "branching/sources/printed_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace prism::branching {

namespace {

constexpr std::size_t kMaxMessage = 400;
constexpr std::size_t kMaxNumber = 20;  // of a line

// "psql:<stdin>:12: " at the end of what is before the error.
std::string LineOf(std::string_view before) {
  constexpr std::string_view kInput = "<stdin>:";
  const std::size_t at = before.rfind(kInput);
  if (at == std::string_view::npos) return {};
  before.remove_prefix(at + kInput.size());
  return fmt::format("line {}: ", before.substr(0, std::min(before.find(':'), kMaxNumber)));
}

std::string Tell(std::string_view line, std::size_t at, std::string_view severity) {
  const std::string where = LineOf(line.substr(0, at));
  std::string_view message = line.substr(at + severity.size());
  message = message.substr(0, message.find(": \""));
  return where + std::string(base::Trim(message.substr(0, kMaxMessage)));
}

}  // namespace

std::string FirstPrintedError(std::string_view printed) {
  constexpr auto kSeverities =
      std::to_array<std::string_view>({"ERROR:", "FATAL:", "PANIC:", "error:"});
  for (std::string_view rest = printed; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    for (const std::string_view severity : kSeverities) {
      const std::size_t at = line.find(severity);
      if (at != std::string_view::npos) return Tell(line, at, severity);
    }
  }
  return "it did not say why";
}

}  // namespace prism::branching
