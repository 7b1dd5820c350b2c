#include "cli/edit.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/os_error.h"

namespace prism::cli {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Editor() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    if (std::string editor = FromEnvironment(name); !editor.empty()) return editor;
  }
  return "vi";
}

Error Unwritable(const std::string& path) {
  return base::OsError(errno, "FILE_UNWRITABLE",
                       fmt::format("free space, or name another directory with TMPDIR: {} can't be "
                                   "written",
                                   path));
}

// While somebody else has the terminal, Ctrl-C is meant for them.
class IgnoredInterrupts {
 public:
  IgnoredInterrupts()
      : interrupt_(std::signal(SIGINT, SIG_IGN)), quit_(std::signal(SIGQUIT, SIG_IGN)) {}
  IgnoredInterrupts(const IgnoredInterrupts&) = delete;
  IgnoredInterrupts& operator=(const IgnoredInterrupts&) = delete;
  ~IgnoredInterrupts() {
    std::signal(SIGINT, interrupt_);
    std::signal(SIGQUIT, quit_);
  }

 private:
  void (*interrupt_)(int);
  void (*quit_)(int);
};

// The exit code of `command FILE`, run by a shell since $EDITOR may have arguments; -1 when it did
// not end by itself.
int RunEditor(const std::string& editor, const std::string& path) {
  const IgnoredInterrupts ignored;
  std::string command = "exec " + editor + " \"$1\"";
  std::string file = path;
  std::array<std::string, 3> fixed = {"sh", "-c", "sh"};
  std::array<char*, 6> arguments = {fixed[0].data(), fixed[1].data(), command.data(),
                                    fixed[2].data(), file.data(),     nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGQUIT);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, "/bin/sh", nullptr, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

Result<EditedFile> EditedFile::Make(const std::string& name) {
  constexpr std::string_view kSuffix = ".yaml";
  std::string directory = FromEnvironment("TMPDIR");
  if (directory.empty()) directory = "/tmp";
  std::string path = fmt::format("{}/prism-{}-XXXXXX{}", directory, name, kSuffix);
  const int file = mkstemps(path.data(), static_cast<int>(kSuffix.size()));
  if (file < 0) return std::unexpected(Unwritable(path));
  close(file);
  return EditedFile(std::move(path));
}

EditedFile::EditedFile(EditedFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}

EditedFile::~EditedFile() {
  if (!path_.empty() && !kept_) unlink(path_.c_str());
}

Result<std::string> EditedFile::Edit(const std::string& text) {
  std::ofstream out(path_, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return std::unexpected(Unwritable(path_));
  const std::string editor = Editor();
  if (const int code = RunEditor(editor, path_); code != 0) {
    return std::unexpected(Error(
        Code::kFailedPrecondition, "EDITOR_FAILED",
        fmt::format("the editor \"{}\" {}: name another one with VISUAL or EDITOR", editor,
                    code < 0 ? "could not be run" : fmt::format("ended with code {}", code))));
  }
  // Editors may have put another file in its place.
  std::ifstream in(path_, std::ios::binary);
  std::string edited{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return std::unexpected(Unwritable(path_));
  return edited;
}

const std::string& EditedFile::Keep() {
  kept_ = true;
  return path_;
}

}  // namespace prism::cli
