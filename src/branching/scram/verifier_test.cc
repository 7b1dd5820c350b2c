#include "branching/scram/verifier.h"

#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"

namespace prism::branching {
namespace {

// RFC 7677 section 3: user "user", password "pencil". The keys are of the same example, as
// PostgreSQL stores them.
constexpr std::string_view kExample =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

std::string With(std::string_view old, std::string_view replacement) {
  std::string text(kExample);
  return text.replace(text.find(old), old.size(), replacement);
}

TEST(ScramVerifierTest, IsWhatTheRfcComputes) {
  const std::string salt = *base::Base64Decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  const auto made = ScramVerifier::FromKeys(DeriveKeys("pencil", salt, 4096), salt, 4096);
  EXPECT_EQ(made.ToString(), kExample);
}

TEST(ScramVerifierTest, ReadsWhatItWrites) {
  const auto verifier = ScramVerifier::Parse(kExample);
  ASSERT_TRUE(verifier.has_value());
  EXPECT_EQ(verifier->iterations, 4096u);
  EXPECT_EQ(verifier->salt.size(), 16u);
  EXPECT_EQ(verifier->ToString(), kExample);
}

TEST(ScramVerifierTest, EachPasswordHasItsSalt) {
  const auto first = ScramVerifier::FromPassword("pencil", 7);
  const auto second = ScramVerifier::FromPassword("pencil", 7);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->salt, second->salt);
  EXPECT_EQ(first->salt.size(), kDefaultSaltLength);
  EXPECT_EQ(*first, ScramVerifier::FromKeys(DeriveKeys("pencil", first->salt, 7), first->salt, 7));
}

TEST(ScramVerifierTest, RefusesEveryOtherSpelling) {
  const std::string long_salt = base::Base64Encode(std::string(kMaxSaltLength + 1, 's'));
  const std::string texts[] = {
      "",
      "SCRAM-SHA-256",
      "SCRAM-SHA-256$",
      "SCRAM-SHA-256$4096:",
      std::string(kExample.substr(0, kExample.size() - 1)),
      std::string(kExample) + "=",
      std::string(kExample) + ":",
      std::string(kExample) + " ",
      With("256", "512"),
      With("SCRAM", "scram"),
      With("4096", "0"),
      With("4096", "04096"),
      With("4096", "+4096"),
      With("4096", "-1"),
      With("4096", " 4096"),
      With("4096", ""),
      With("4096", "2147483648"),
      With("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
      With("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gQ"),
      With("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gR=="),
      With("W22ZaJ0SNY7soEsUEjb6gQ==", long_salt),
      With("WG5d", "WG5"),
      With("WG5d", "WG5d\n"),
      With("WG5d", "WG5-"),
      With("WG5d", "WG5dWG5d"),
      With("==$", "=="),
  };
  for (const std::string& text : texts) {
    const auto verifier = ScramVerifier::Parse(text);
    ASSERT_FALSE(verifier.has_value()) << text;
    EXPECT_EQ(verifier.error().reason(), "BAD_VERIFIER");
  }
  EXPECT_TRUE(ScramVerifier::Parse(With("4096", "2147483647")).has_value());
  EXPECT_TRUE(ScramVerifier::Parse(With("4096", "1")).has_value());
}

TEST(StoredPasswordTest, HasThreeKinds) {
  const auto none = ParseStoredPassword(std::nullopt);
  ASSERT_TRUE(none.has_value());
  EXPECT_TRUE(std::holds_alternative<NoPassword>(*none));

  const std::string digits = "0123456789abcdef0123456789abcdef";
  const auto md5 = ParseStoredPassword("md5" + digits);
  ASSERT_TRUE(md5.has_value());
  ASSERT_TRUE(std::holds_alternative<Md5Password>(*md5));
  EXPECT_EQ(std::get<Md5Password>(*md5).hex, digits);

  const auto scram = ParseStoredPassword(kExample);
  ASSERT_TRUE(scram.has_value());
  EXPECT_TRUE(std::holds_alternative<ScramVerifier>(*scram));
}

TEST(StoredPasswordTest, WhatIsNoneOfThemIsNotRepeated) {
  for (const std::string text :
       {"", "md5", "hunter2", "md50123456789abcdef0123456789ABCDEF",
        "md50123456789abcdef0123456789abcde", "md50123456789abcdef0123456789abcdef0"}) {
    const auto parsed = ParseStoredPassword(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().reason(), "BAD_VERIFIER");
    EXPECT_FALSE(parsed.error().message().contains("hunter2"));
  }
}

TEST(MockVerifiersTest, LookLikeThoseOfUsers) {
  const MockVerifiers mocks("secret of the source", 5000);
  const LoginVerifier mock = mocks.Choose(nullptr, "ann");
  EXPECT_FALSE(mock.genuine);
  EXPECT_EQ(mock.verifier.iterations, 5000u);
  EXPECT_EQ(mock.verifier.salt.size(), kDefaultSaltLength);
  EXPECT_EQ(mocks.Choose(nullptr, "ann").verifier, mock.verifier);
  EXPECT_NE(mocks.Choose(nullptr, "bob").verifier.salt, mock.verifier.salt);
  EXPECT_NE(MockVerifiers("another", 5000).Choose(nullptr, "ann").verifier.salt,
            mock.verifier.salt);
}

TEST(MockVerifiersTest, LookLikeThoseOfUsersWithMd5) {
  const MockVerifiers mocks("secret of the source");
  const Md5Verifier mock = mocks.ChooseMd5(nullptr, "ann");
  EXPECT_FALSE(mock.genuine);
  EXPECT_EQ(mock.hex.size(), 32u);
  const Md5Password known{.hex = std::string(32, 'a')};
  EXPECT_TRUE(mocks.ChooseMd5(&known, "ann").genuine);
  EXPECT_EQ(mocks.ChooseMd5(&known, "ann").hex, known.hex);
}

TEST(MockVerifiersTest, StandBackForWhatIsKnown) {
  const auto verifier = ScramVerifier::Parse(kExample);
  ASSERT_TRUE(verifier.has_value());
  const LoginVerifier chosen = MockVerifiers("secret").Choose(&*verifier, "ann");
  EXPECT_TRUE(chosen.genuine);
  EXPECT_EQ(chosen.verifier, *verifier);
}

}  // namespace
}  // namespace prism::branching
