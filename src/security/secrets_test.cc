#include "security/secrets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"

namespace prism::security {
namespace {

std::string Write(std::string_view name, std::string_view content) {
  const std::string path = testing::TempDir() + "/prism_secret_" + std::string(name);
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(ResolveSecretsTest, LeavesTextWithoutReferencesAlone) {
  EXPECT_EQ(ResolveSecrets("redis://localhost:6379/0").value(), "redis://localhost:6379/0");
  EXPECT_EQ(ResolveSecrets("").value(), "");
}

TEST(ResolveSecretsTest, ReplacesVariablesAndFiles) {
  ASSERT_EQ(setenv("PRISM_TEST_SECRET_USER", "ann", 1), 0);
  const std::string path = Write("password", "s3cret\n");
  EXPECT_EQ(ResolveSecrets("p://${env:PRISM_TEST_SECRET_USER}:${file:" + path + "}@h").value(),
            "p://ann:s3cret@h");
  std::filesystem::remove(path);
}

TEST(ResolveSecretsTest, KeepsAllButOneLineEnd) {
  const std::string path = Write("lines", "a\n\n");
  EXPECT_EQ(ResolveSecrets("${file:" + path + "}").value(), "a\n");
  std::filesystem::remove(path);
}

TEST(ResolveSecretsTest, SaysWhatIsMissingWithoutItsContent) {
  const auto variable = ResolveSecrets("${env:PRISM_TEST_NOT_SET}");
  ASSERT_FALSE(variable);
  EXPECT_EQ(variable.error().reason(), "SECRET_UNAVAILABLE");
  EXPECT_NE(variable.error().message().find("PRISM_TEST_NOT_SET"), std::string::npos);
  EXPECT_EQ(ResolveSecrets("${file:/nowhere/at/all}").error().reason(), "SECRET_UNAVAILABLE");
  // Reading a directory opens, then fails.
  EXPECT_EQ(ResolveSecrets("${file:/tmp}").error().reason(), "SECRET_UNAVAILABLE");
  // Nobody writes into the pipe: who opened it would wait for ever.
  const base::testing::TempDirectory directory;
  const std::string pipe = directory.File("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(ResolveSecrets("${file:" + pipe + "}").error().reason(), "SECRET_UNAVAILABLE");
}

TEST(ResolveSecretsTest, RefusesAFileThatIsNoSecret) {
  const std::string path = Write("large", std::string(kMaxSecretBytes + 1, 'x'));
  EXPECT_EQ(ResolveSecrets("${file:" + path + "}").error().reason(), "SECRET_UNAVAILABLE");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace prism::security
