#include "base/secret_ref.h"

#include <gtest/gtest.h>

namespace prism::base {
namespace {

TEST(SecretRefTest, FindsEveryReference) {
  const auto refs = FindSecretRefs("postgres://${env:USER}:${file:/run/pg}@host");
  ASSERT_TRUE(refs);
  ASSERT_EQ(refs->size(), 2u);
  EXPECT_EQ((*refs)[0].source, SecretRef::Source::kEnv);
  EXPECT_EQ((*refs)[0].name, "USER");
  EXPECT_EQ((*refs)[1].source, SecretRef::Source::kFile);
  EXPECT_EQ((*refs)[1].name, "/run/pg");
  EXPECT_EQ((*refs)[0].begin, 11u);
  EXPECT_EQ((*refs)[0].end, 22u);
}

TEST(SecretRefTest, RefusesWhatNamesNothing) {
  for (const char* text : {"${env:X", "${vault:x}", "${env:}", "${}", "a${file:}b"}) {
    const auto refs = FindSecretRefs(text);
    ASSERT_FALSE(refs) << text;
    EXPECT_EQ(refs.error().reason(), "BAD_SECRET_REFERENCE");
  }
}

TEST(SecretRefTest, KnowsAReferenceThatStandsAlone) {
  EXPECT_TRUE(IsSecretRef("${env:PASSWORD}"));
  EXPECT_FALSE(IsSecretRef("x${env:PASSWORD}"));
  EXPECT_FALSE(IsSecretRef("hunter2"));
  EXPECT_FALSE(IsSecretRef(""));
}

}  // namespace
}  // namespace prism::base
