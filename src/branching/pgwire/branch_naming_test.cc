#include "branching/pgwire/branch_naming.h"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "branching/pgwire/testing/startup_packet.h"

namespace prism::branching {
namespace {

using namespace std::chrono_literals;

Result<BranchRequest> Read(std::initializer_list<std::string_view> texts,
                           std::string_view server_name = {}, std::string_view domain = {}) {
  auto message = StartupMessage::Parse(kProtocol30, testing::StartupBody(texts));
  EXPECT_TRUE(message.has_value());
  return ReadBranchRequest(*std::move(message), server_name, domain);
}

// "user/database -> branch", or the reason of the refusal.
std::string Meaning(std::initializer_list<std::string_view> texts,
                    std::string_view server_name = {}, std::string_view domain = {}) {
  const auto request = Read(texts, server_name, domain);
  if (!request) return std::string(request.error().reason());
  std::string meaning(request->message.user());
  meaning.append("/").append(request->message.database());
  if (request->branch) meaning.append(" -> ").append(request->branch->name());
  return meaning;
}

std::string NameOf(std::string_view original) {
  const auto name = BranchName::From(original);
  if (!name) return std::string(name.error().reason());
  EXPECT_EQ(name->label(), original);
  return name->name();
}

TEST(BranchName, PlainNamesAreTheirOwn) {
  for (const std::string_view name : {"a", "0", "new-feature", "a_b", "x--", "9_-"}) {
    EXPECT_EQ(NameOf(name), name);
  }
  EXPECT_EQ(NameOf(std::string(63, 'a')), std::string(63, 'a'));
}

TEST(BranchName, OthersAreFoldedAndEndInTheirHash) {
  EXPECT_EQ(NameOf("feature/X-12"), "feature-x-12-6d1cc596e0fe");
  EXPECT_EQ(NameOf("../x"), "x-d6b96a97d147");
  EXPECT_EQ(NameOf("X"), "x-4b68ab3847fe");
  EXPECT_EQ(NameOf("-_a"), "a-fe90d3c25596");
  EXPECT_EQ(NameOf(" "), "branch-36a9e7f1c95b");
  EXPECT_EQ(NameOf("\xf0\x9f\x98\x80"), "branch-f0443a342c5e");
  EXPECT_EQ(NameOf(std::string(64, 'a')), std::string(50, 'a') + "-ffe054fe7ae0");
}

TEST(BranchName, WhatIsFoldedIsPlainAndDiffers) {
  std::set<std::string> names;
  int count = 0;
  for (int c = 0x20; c < 0x7f; ++c) {
    for (const std::string& original :
         {std::string(1, static_cast<char>(c)), "a" + std::string(1, static_cast<char>(c)),
          std::string(200, static_cast<char>(c))}) {
      const std::string name = NameOf(original);
      EXPECT_EQ(NameOf(name), name);
      names.insert(name);
      ++count;
    }
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
}

TEST(BranchName, SomeCanNotBeNames) {
  for (const std::string& original :
       {std::string(), std::string(256, 'a'), std::string("a\nb"), std::string("a\x7f"),
        std::string("a\0b", 3), std::string("\xff"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(NameOf(original), "BAD_BRANCH_NAME") << original;
  }
  EXPECT_EQ(NameOf(std::string(255, 'A')).size(), 63U);
}

TEST(BranchName, NoBranchIsTakenForAnother) {
  const BranchName folded = *BranchName::From("feature/X-12");
  const BranchName typed = *BranchName::From(folded.name());
  EXPECT_TRUE(folded.Means(folded.name(), "feature/X-12"));
  EXPECT_TRUE(typed.Means(folded.name(), "feature/X-12"));
  EXPECT_TRUE(typed.Means(folded.name(), folded.name()));
  EXPECT_FALSE(folded.Means(folded.name(), folded.name()));
  EXPECT_FALSE(folded.Means(folded.name(), "Feature/X-12"));
  EXPECT_FALSE(typed.Means("other", "feature/X-12"));
}

TEST(BranchName, SomeAreReserved) {
  EXPECT_TRUE(IsReservedBranchName("source"));
  EXPECT_TRUE(IsReservedBranchName("prism"));
  EXPECT_FALSE(IsReservedBranchName("main"));
  EXPECT_FALSE(IsReservedBranchName(""));
}

TEST(BranchNaming, TheUserOrTheDatabaseNamesIt) {
  EXPECT_EQ(Meaning({"user", "postgres@new-feature", "database", "d"}),
            "postgres/d -> new-feature");
  EXPECT_EQ(Meaning({"user", "postgres", "database", "d@new-feature"}),
            "postgres/d -> new-feature");
  EXPECT_EQ(Meaning({"user", "postgres@new-feature"}), "postgres/postgres -> new-feature");
  EXPECT_EQ(Meaning({"user", "postgres"}), "postgres/postgres");
  EXPECT_EQ(Meaning({"user", "a", "database", "@x"}), "a/a -> x");
}

TEST(BranchNaming, TheSameSuffixTwiceIsOneNaming) {
  EXPECT_EQ(Meaning({"user", "postgres@x", "database", "postgres@x"}), "postgres/postgres -> x");
  EXPECT_EQ(Meaning({"user", "postgres@x", "database", "postgres@y"}), "BRANCH_NAMED_TWICE");
  EXPECT_EQ(Meaning({"user", "p@X", "database", "d@x"}), "BRANCH_NAMED_TWICE");
}

TEST(BranchNaming, ADoubledAtIsALiteralOne) {
  EXPECT_EQ(Meaning({"user", "alice@@corp.example"}), "alice@corp.example/alice@corp.example");
  EXPECT_EQ(Meaning({"user", "alice@@corp@x", "database", "d@@"}), "alice@corp/d@ -> x");
  EXPECT_EQ(Meaning({"user", "a@@@x"}), "a@/a@ -> x");
  EXPECT_EQ(Meaning({"user", "a@x@@y"}), "a/a -> " + NameOf("x@y"));
  EXPECT_EQ(Meaning({"user", "a@x@y"}), "BAD_BRANCH_NAME");
  EXPECT_EQ(Meaning({"user", "a@"}), "BAD_BRANCH_NAME");
  EXPECT_EQ(Meaning({"user", "@x"}), "NO_USER");
}

TEST(BranchNaming, TheHostBelowTheDomainNamesIt) {
  EXPECT_EQ(Meaning({"user", "a"}, "New.db.example", "db.Example"), "a/a -> new");
  EXPECT_EQ(Meaning({"user", "a"}, "db.example", "db.example"), "a/a");
  EXPECT_EQ(Meaning({"user", "a"}, "x.other.example", "db.example"), "a/a");
  EXPECT_EQ(Meaning({"user", "a"}, "xdb.example", "db.example"), "a/a");
  EXPECT_EQ(Meaning({"user", "a"}, "x.db.example", ""), "a/a");
  EXPECT_EQ(Meaning({"user", "a"}, "x.y.db.example", "db.example"), "BAD_BRANCH_NAME");
  EXPECT_EQ(Meaning({"user", "a"}, ".db.example", "db.example"), "BAD_BRANCH_NAME");
  EXPECT_EQ(Meaning({"user", "a@x"}, "x.db.example", "db.example"), "a/a -> x");
  EXPECT_EQ(Meaning({"user", "a@x"}, "y.db.example", "db.example"), "BRANCH_NAMED_TWICE");
}

TEST(BranchNaming, SettingsNameItAndSayMore) {
  const auto request = Read({"options", "-c prism.branch=x -c geqo=off -c prism.from=main",  //
                             "user", "a", "Prism.TTL", "1h30m"});
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->branch->name(), "x");
  EXPECT_EQ(request->from, "main");
  EXPECT_EQ(request->ttl, std::optional(std::chrono::milliseconds(90min)));
  EXPECT_EQ(request->message.Write(kProtocol30),
            testing::StartupPacket(
                kProtocol30, testing::StartupBody({"options", " -c geqo=off ", "user", "a"})));
}

TEST(BranchNaming, ASettingAgreesWithTheOtherNames) {
  EXPECT_EQ(Meaning({"user", "a@x", "options", "-c prism.branch=x"}), "a/a -> x");
  EXPECT_EQ(Meaning({"user", "a@x", "options", "-c prism.branch=y"}), "BRANCH_NAMED_TWICE");
  EXPECT_EQ(Meaning({"user", "a", "options", "-c prism.branch=y", "prism.branch", "x"}),
            "BRANCH_NAMED_TWICE");
  EXPECT_EQ(Meaning({"user", "a", "options", "-c prism.branch=../x"}), "a/a -> " + NameOf("../x"));
}

TEST(BranchNaming, SettingsThatMeanNothingAreRefused) {
  for (const std::string_view setting :
       {"prism.branch", "prism.branch=", "prism.from=", "prism.from=a\x01", "prism.from=\xff",
        "prism.ttl=", "prism.ttl=2", "prism.ttl=0s", "prism.ttl=999ms", "prism.ttl=3651d",
        "prism.ttl=-1h", "prism.as_of=now", "prism."}) {
    EXPECT_EQ(Meaning({"user", "a", "options", "--" + std::string(setting)}), "BAD_BRANCH_OPTION")
        << setting;
  }
  EXPECT_EQ(Meaning({"user", "a", "options", "--prism.from=a --prism.from=b"}),
            "BAD_BRANCH_OPTION");
  EXPECT_EQ(Meaning({"user", "a", "options", "--prism.ttl=1h --prism.ttl=2h"}),
            "BAD_BRANCH_OPTION");
  EXPECT_EQ(Meaning({"user", "a", "options", "--prism.ttl=1h --prism.ttl=60m"}), "a/a");
  EXPECT_EQ(Meaning({"user", "a", "options", "--prism.from=" + std::string(256, 'a')}),
            "BAD_BRANCH_OPTION");
}

TEST(BranchNaming, EveryOtherParameterIsKeptInItsPlace) {
  const auto request = Read({"client_encoding", "UTF8", "database", "d@x", "replication",
                             "database", "user", "a@x", "application_name", "b@c"});
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->message.Write(kProtocol32),
            testing::StartupPacket(kProtocol32,
                                   testing::StartupBody({"client_encoding", "UTF8",  //
                                                         "database", "d", "replication", "database",
                                                         "user", "a", "application_name", "b@c"})));
}

}  // namespace
}  // namespace prism::branching
