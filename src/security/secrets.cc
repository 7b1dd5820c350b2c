#include "security/secrets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/secret_ref.h"
#include "base/unique_fd.h"

namespace prism::security {

namespace {

Error Unavailable(const std::string& what) {
  return Error(Code::kFailedPrecondition, "SECRET_UNAVAILABLE", what);
}

Result<std::string> ReadEnv(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return std::unexpected(Unavailable(fmt::format(
        "the secret ${{env:{}}} is not there: set the environment variable {} before the start",
        name, name)));
  }
  return std::string(value);
}

Error Unreadable(const std::string& path) {
  return Unavailable(
      fmt::format("the secret ${{file:{}}} can't be read: make it a file that is readable for the "
                  "user of this process",
                  path));
}

Result<std::string> ReadFile(const std::string& path) {
  // A pipe or device must hold nobody up.
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat kind{};
  if (file.get() < 0 || ::fstat(file.get(), &kind) != 0 || !S_ISREG(kind.st_mode)) {
    return std::unexpected(Unreadable(path));
  }
  std::string content(kMaxSecretBytes + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(Unreadable(path));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  if (content.size() > kMaxSecretBytes) {
    return std::unexpected(Unavailable(
        fmt::format("the secret ${{file:{}}} is larger than {} bytes: is it the right file?", path,
                    kMaxSecretBytes)));
  }
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  return content;
}

}  // namespace

Result<std::string> ResolveSecrets(std::string_view text) {
  TRY_ASSIGN(const auto refs, base::FindSecretRefs(text));
  std::string resolved;
  std::size_t copied = 0;
  for (const base::SecretRef& ref : refs) {
    resolved.append(text.substr(copied, ref.begin - copied));
    copied = ref.end;
    auto secret =
        ref.source == base::SecretRef::Source::kEnv ? ReadEnv(ref.name) : ReadFile(ref.name);
    if (!secret) return secret;
    resolved.append(*secret);
  }
  resolved.append(text.substr(copied));
  return resolved;
}

}  // namespace prism::security
