#include "base/secret_ref.h"

#include <fmt/format.h>

namespace prism::base {

namespace {

constexpr std::string_view kEnv = "env:";
constexpr std::string_view kFile = "file:";

Error BadReference(std::string_view what) {
  return Error(Code::kInvalidArgument, "BAD_SECRET_REFERENCE",
               fmt::format("{}: write ${{env:NAME}} or ${{file:PATH}}", what));
}

}  // namespace

Result<std::vector<SecretRef>> FindSecretRefs(std::string_view text) {
  std::vector<SecretRef> found;
  for (std::size_t begin = text.find("${"); begin != text.npos; begin = text.find("${", begin)) {
    const std::size_t close = text.find('}', begin);
    if (close == text.npos) {
      return std::unexpected(BadReference("a secret reference has no closing brace"));
    }
    const std::string_view inside = text.substr(begin + 2, close - begin - 2);
    SecretRef ref{.source = SecretRef::Source::kEnv, .name = {}, .begin = begin, .end = close + 1};
    if (inside.starts_with(kEnv)) {
      ref.name = inside.substr(kEnv.size());
    } else if (inside.starts_with(kFile)) {
      ref.source = SecretRef::Source::kFile;
      ref.name = inside.substr(kFile.size());
    } else {
      return std::unexpected(BadReference("a secret reference names no known source"));
    }
    if (ref.name.empty()) {
      return std::unexpected(BadReference("a secret reference names nothing"));
    }
    begin = ref.end;
    found.push_back(std::move(ref));
  }
  return found;
}

bool IsSecretRef(std::string_view text) {
  const auto refs = FindSecretRefs(text);
  return refs && refs->size() == 1 && refs->front().begin == 0 && refs->front().end == text.size();
}

}  // namespace prism::base
