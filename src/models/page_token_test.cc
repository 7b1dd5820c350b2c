#include "models/page_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/testing/temp_directory.h"

namespace prism::models {
namespace {

constexpr TokenScope kScope = {.ns = "orders", .method = "keyvalue_scan.scan", .query = "user:"};

TEST(PageToken, ComesBackWithItsPosition) {
  const TokenKey key = TokenKey::Random();
  for (const std::string& position :
       {std::string("user:1"), std::string("\x01\xC3\xA9"), std::string(1024, 'k')}) {
    const std::string token = MakePageToken(key, kScope, position);
    EXPECT_EQ(
        token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    EXPECT_EQ(*ReadPageToken(key, kScope, token), position);
  }
}

TEST(PageToken, IsForItsQueryOnly) {
  const TokenKey key = TokenKey::Random();
  const std::string token = MakePageToken(key, kScope, "user:1");
  const auto refused = [&](const TokenKey& with, const TokenScope& scope) {
    const auto read = ReadPageToken(with, scope, token);
    return !read && read.error().reason() == "PAGE_TOKEN_MISMATCH";
  };
  EXPECT_TRUE(refused(TokenKey::Random(), kScope));
  EXPECT_TRUE(refused(key, {.ns = "other", .method = kScope.method, .query = kScope.query}));
  EXPECT_TRUE(
      refused(key, {.ns = kScope.ns, .method = "keyvalue_scan.scan_keys", .query = kScope.query}));
  EXPECT_TRUE(refused(key, {.ns = kScope.ns, .method = kScope.method, .query = "use"}));
  EXPECT_TRUE(refused(key, {.ns = "order", .method = "skeyvalue_scan.scan", .query = kScope.query}))
      << "parts of the scope ran together";
}

TEST(PageToken, EveryChangedCharacterIsFoundOut) {
  const TokenKey key = TokenKey::Random();
  const std::string token = MakePageToken(key, kScope, "user:12345");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ReadPageToken(key, kScope, changed)) << i;
    EXPECT_FALSE(ReadPageToken(key, kScope, token.substr(0, i))) << i;
  }
  for (const std::string_view garbage : {"", "=", "AA==", "not a token", "\xFF", "AQ"}) {
    EXPECT_FALSE(ReadPageToken(key, kScope, garbage));
  }
}

class TokenKeyFile : public ::testing::Test {
 protected:
  const base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("token.key");
};

TEST_F(TokenKeyFile, IsMadeOnceAndKept) {
  const auto made = TokenKey::LoadOrCreate(path_);
  ASSERT_TRUE(made);
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const auto loaded = TokenKey::LoadOrCreate(path_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->bytes(), made->bytes());
  EXPECT_NE(loaded->bytes(), TokenKey::Random().bytes());
}

TEST_F(TokenKeyFile, RefusesADamagedFile) {
  for (const std::size_t size : {0, 31, 33}) {
    std::ofstream(path_, std::ios::trunc) << std::string(size, 'x');
    const auto loaded = TokenKey::LoadOrCreate(path_);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().reason(), "TOKEN_KEY_DAMAGED");
  }
}

TEST_F(TokenKeyFile, SaysWhenTheDirectoryIsNotThere) {
  const auto loaded = TokenKey::LoadOrCreate(directory_.File("missing/token.key"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().reason(), "TOKEN_KEY_UNREADABLE");
}

}  // namespace
}  // namespace prism::models
