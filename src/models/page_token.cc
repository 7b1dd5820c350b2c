#include "models/page_token.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/base64.h"
#include "models/digest.h"

namespace prism::models {
namespace {

constexpr char kTokenVersion = 1;
constexpr std::size_t kCodeBytes = 16;

std::array<unsigned char, kCodeBytes> CodeOf(const TokenKey& key, const TokenScope& scope,
                                             std::string_view position) {
  const std::array<std::string_view, 5> parts = {"prism page token 1", scope.ns, scope.method,
                                                 scope.query, position};
  return AuthenticationCode(key.bytes(), parts);
}

Error Mismatch() {
  return InvalidField(
      "PAGE_TOKEN_MISMATCH", "page_token",
      "does not belong to this query; start again without a token, or repeat the call "
      "that it came from with the same namespace and prefix");
}

Error Unreadable(const std::string& path, int error) {
  return Error(Code::kUnavailable, "TOKEN_KEY_UNREADABLE",
               path + ": " + std::generic_category().message(error) +
                   ". Check the owner and the permissions of the data directory.");
}

// A file descriptor that closes itself.
class File {
 public:
  File(const char* path, int flags) : fd_(::open(path, flags | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

TokenKey TokenKey::Random() {
  std::array<unsigned char, 32> bytes{};
  // Without random numbers nothing that Prism promises about tokens holds.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  return TokenKey(bytes);
}

Result<TokenKey> TokenKey::LoadOrCreate(const std::string& path) {
  const File file(path.c_str(), O_RDONLY);
  if (file.get() < 0 && errno == ENOENT) return Create(path);
  if (file.get() < 0) return std::unexpected(Unreadable(path, errno));
  std::array<unsigned char, 33> content{};
  const ssize_t size = ::read(file.get(), content.data(), content.size());
  if (size < 0) return std::unexpected(Unreadable(path, errno));
  if (size != 32) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "TOKEN_KEY_DAMAGED",
              path + " does not hold a key of 32 bytes. Remove it: a new one is made at the next "
                     "start, and scans that were interrupted begin again."));
  }
  std::array<unsigned char, 32> bytes{};
  std::copy_n(content.begin(), bytes.size(), bytes.begin());
  return TokenKey(bytes);
}

// Under another name first, so that a crash leaves either no key or a whole one.
Result<TokenKey> TokenKey::Create(const std::string& path) {
  const TokenKey key = Random();
  const std::string unfinished = path + ".new";
  const File file(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  const auto size = static_cast<ssize_t>(key.bytes_.size());
  if (file.get() < 0 || ::write(file.get(), key.bytes_.data(), key.bytes_.size()) != size ||
      ::fsync(file.get()) != 0 || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return std::unexpected(Unreadable(path, errno));
  }
  return key;
}

std::string MakePageToken(const TokenKey& key, const TokenScope& scope, std::string_view position) {
  const auto code = CodeOf(key, scope, position);
  std::string token(1, kTokenVersion);
  token.append(code.begin(), code.end());
  token.append(position);
  std::string text = base::Base64Encode(token);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

Result<std::string> ReadPageToken(const TokenKey& key, const TokenScope& scope,
                                  std::string_view token) {
  if (token.find_first_of("+/=") != std::string_view::npos) return std::unexpected(Mismatch());
  std::string text(token);
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  const auto bytes = base::Base64Decode(text);
  if (!bytes || bytes->size() < 1 + kCodeBytes || bytes->front() != kTokenVersion) {
    return std::unexpected(Mismatch());
  }
  std::string position = bytes->substr(1 + kCodeBytes);
  const auto expected = CodeOf(key, scope, position);
  if (CRYPTO_memcmp(bytes->data() + 1, expected.data(), kCodeBytes) != 0) {
    return std::unexpected(Mismatch());
  }
  return position;
}

}  // namespace prism::models
