// Page tokens as clients send them, and the file that holds the key: only what was made here for
// the same query is taken, in exactly one spelling.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/testing/temp_directory.h"
#include "models/page_token.h"

namespace {

using prism::models::TokenKey;
using prism::models::TokenScope;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Reads a key from a file in memory with this content.
prism::Result<TokenKey> KeyFrom(std::string_view content) {
  const int fd = ::memfd_create("token.key", MFD_CLOEXEC);
  Require(fd >= 0);
  Require(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  auto key = TokenKey::LoadOrCreate("/proc/self/fd/" + std::to_string(fd));
  ::close(fd);
  return key;
}

void CheckKeyFile(std::string_view content) {
  const auto key = KeyFrom(content);
  Require(key.has_value() == (content.size() == 32));
  if (!key) return Require(key.error().reason() == "TOKEN_KEY_DAMAGED");
  Require(std::string_view(reinterpret_cast<const char*>(key->bytes().data()), 32) == content);
}

// The first start makes a key, the next one reads it.
void CheckNewKey() {
  const prism::base::testing::TempDirectory directory;
  const std::string path = directory.File("token.key");
  const auto made = TokenKey::LoadOrCreate(path);
  const auto read = TokenKey::LoadOrCreate(path);
  Require(made.has_value() && read.has_value() && made->bytes() == read->bytes());
  Require(TokenKey::LoadOrCreate(path + "/no").error().reason() == "TOKEN_KEY_UNREADABLE");
}

// The tokens of the corpus that are good were made with this key.
const TokenKey& FixedKey() {
  static const TokenKey key = *KeyFrom("the key of the fuzzer, 32 bytes.");
  return key;
}

void CheckStranger(const TokenScope& scope, std::string_view token) {
  const auto position = prism::models::ReadPageToken(FixedKey(), scope, token);
  if (!position) return Require(position.error().reason() == "PAGE_TOKEN_MISMATCH");
  Require(prism::models::MakePageToken(FixedKey(), scope, *position) == token);
}

void CheckOurs(const TokenScope& scope, std::string_view position) {
  std::string token = prism::models::MakePageToken(FixedKey(), scope, position);
  const auto read = prism::models::ReadPageToken(FixedKey(), scope, token);
  Require(read.has_value() && *read == position);
  TokenScope other = scope;
  other.query = "another prefix";
  Require(!prism::models::ReadPageToken(FixedKey(), other, token));
  char& changed = token[position.size() % token.size()];
  changed = changed == 'A' ? 'B' : 'A';
  Require(!prism::models::ReadPageToken(FixedKey(), scope, token));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const TokenScope scope = {.ns = "fuzz", .method = "keyvalue_scan.scan", .query = "user:"};
  CheckStranger(scope, bytes);
  CheckOurs(scope, bytes);
  CheckKeyFile(bytes);
  if (bytes.empty()) CheckNewKey();
  return 0;
}
