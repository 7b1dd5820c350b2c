#include "branching/instances/server_words.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace prism::branching {
namespace {

constexpr std::size_t kMaxFile = 8192;  // postmaster.pid has paths in it

// Cuts the first line off, without its end.
std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

std::optional<int> NumberOfFirstLine(std::string_view text) {
  const std::string_view line = base::Trim(TakeLine(text));
  int value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
  return value;
}

bool PidFileSaysReady(std::string_view text) {
  // "ready   " once it is (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
  constexpr int kStatusLine = 8;
  for (int line = 1; line < kStatusLine; ++line) TakeLine(text);
  return text.starts_with("ready");
}

bool MessageSaysReady(std::string_view message) {
  while (!message.empty()) {
    if (TakeLine(message) == "READY=1") return true;
  }
  return false;
}

std::optional<std::string> ReadServerFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::string text(kMaxFile, '\0');
  const ssize_t got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (got < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace prism::branching
