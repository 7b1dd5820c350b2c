#include "branching/scram/md5_login.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::branching {
namespace {

using std::string_literals::operator""s;

// md5('wonder land' || 'alice'), as PostgreSQL stores it behind "md5".
constexpr std::string_view kStored = "a9ba6b25575cb3249fe2b9a73096725e";
const std::string kSalt = "\x01\x02\xff\x00"s;
constexpr std::string_view kAnswer = "md548d0176ee2a9f3d1405395b434db72a0";

std::string Outcome(const Md5Verifier& verifier, std::string_view answer) {
  const Status checked = CheckMd5Answer(verifier, kSalt, answer);
  return checked ? "right" : std::string(checked.error().reason());
}

TEST(Md5Login, TakesWhatProvesThePassword) {
  EXPECT_EQ(Md5Answer(kStored, kSalt).value(), kAnswer);
  const Md5Verifier alice{.hex = std::string(kStored), .genuine = true};
  EXPECT_EQ(Outcome(alice, kAnswer), "right");
  for (std::string wrong : {"", "md5", "a9ba6b25575cb3249fe2b9a73096725e", "wonder land"}) {
    EXPECT_EQ(Outcome(alice, wrong), "WRONG_PASSWORD") << wrong;
  }
  EXPECT_EQ(Outcome(alice, std::string(kAnswer) + "0"), "WRONG_PASSWORD");
  EXPECT_EQ(Outcome(alice, "md548D0176EE2A9F3D1405395B434DB72A0"), "WRONG_PASSWORD");
}

TEST(Md5Login, NothingProvesAMock) {
  const Md5Verifier mock{.hex = std::string(kStored)};
  EXPECT_EQ(Outcome(mock, kAnswer), "WRONG_PASSWORD");
}

}  // namespace
}  // namespace prism::branching
