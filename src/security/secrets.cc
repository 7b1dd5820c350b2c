#include "security/secrets.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/secret_ref.h"

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

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kMaxSecretBytes + 1, '\0');
  if (file) file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) {
    return std::unexpected(
        Unavailable(fmt::format("the secret ${{file:{}}} can't be read: make the file readable for "
                                "the user of this process",
                                path)));
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
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
