#include "backends/redis/resp_command.h"

#include <array>
#include <charconv>
#include <limits>

namespace prism::backends {
namespace {

// "*2\r\n" or "$5\r\n".
void AppendCount(std::string& out, char kind, std::size_t count) {
  std::array<char, std::numeric_limits<std::size_t>::digits10 + 4> text;  // NOLINT: written below
  text[0] = kind;
  char* const end = std::to_chars(text.data() + 1, text.data() + text.size() - 2, count).ptr;
  end[0] = '\r';
  end[1] = '\n';
  out.append(text.data(), end + 2);
}

}  // namespace

std::size_t RespPayload(RespCommand command) {
  std::size_t bytes = 0;
  for (const RespArgument& argument : command) bytes += argument.size();
  return bytes;
}

void AppendRespCommand(std::string& out, RespCommand command) {
  AppendCount(out, '*', command.size());
  for (const RespArgument& argument : command) {
    AppendCount(out, '$', argument.size());
    out.append(argument.head);
    out.append(argument.tail);
    out.append("\r\n");
  }
}

}  // namespace prism::backends
