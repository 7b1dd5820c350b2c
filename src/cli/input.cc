#include "cli/input.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace prism::cli {
namespace {

Error Unreadable(std::string_view name, int error) {
  return Error(Code::kFailedPrecondition, "FILE_UNREADABLE",
               fmt::format("\"{}\" can't be read: {}; check the path and its permissions", name,
                           std::generic_category().message(error)));
}

Result<std::string> ReadAll(std::FILE* file, std::string_view name) {
  std::string content;
  std::array<char, 64 * 1024> chunk;
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), file)) {
    content.append(chunk.data(), count);
  }
  if (std::ferror(file) != 0) return std::unexpected(Unreadable(name, errno));
  return content;
}

}  // namespace

void LineReader::Closer::operator()(std::FILE* file) const {
  if (file != stdin) std::fclose(file);
}

Result<std::string> ReadValue(const std::string& argument) {
  if (argument == "-") return ReadAll(stdin, "standard input");
  if (argument.starts_with("@@")) return argument.substr(1);
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument.substr(1);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) return std::unexpected(Unreadable(path, errno));
  return ReadAll(file.get(), path);
}

Result<std::map<std::string, std::string>> ParseTags(const std::vector<std::string>& tags) {
  std::map<std::string, std::string> parsed;
  for (const std::string& tag : tags) {
    const std::size_t equals = tag.find('=');
    if (equals == std::string::npos || equals == 0) {
      return std::unexpected(
          Error(Code::kInvalidArgument, "BAD_TAG",
                fmt::format("\"{}\" is no tag: write name=value, such as --tag owner=web", tag)));
    }
    parsed[tag.substr(0, equals)] = tag.substr(equals + 1);
  }
  return parsed;
}

Result<LineReader> LineReader::Open(const std::string& path) {
  if (path == "-") return LineReader(stdin, "standard input");
  LineReader reader(std::fopen(path.c_str(), "rb"), path);
  if (!reader.file_) return std::unexpected(Unreadable(path, errno));
  struct stat info{};
  if (fstat(fileno(reader.file_.get()), &info) != 0)
    return std::unexpected(Unreadable(path, errno));
  if (S_ISDIR(info.st_mode)) return std::unexpected(Unreadable(path, EISDIR));
  if (S_ISREG(info.st_mode)) reader.total_ = static_cast<std::uint64_t>(info.st_size);
  return reader;
}

Result<std::optional<std::string>> LineReader::Next() {
  ++line_;
  std::string line;
  int c = 0;
  while ((c = getc_unlocked(file_.get())) != EOF) {
    ++bytes_;
    if (c == '\n') break;
    if (line.size() == kMaxLineBytes) {
      return std::unexpected(
          Error(Code::kInvalidArgument, "LINE_TOO_LONG",
                fmt::format("line {} of {} has more than {} bytes: is it a file of lines?", line_,
                            name_, kMaxLineBytes)));
    }
    line += static_cast<char>(c);
  }
  if (std::ferror(file_.get()) != 0) return std::unexpected(Unreadable(name_, errno));
  if (c == EOF && line.empty()) return std::nullopt;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace prism::cli
