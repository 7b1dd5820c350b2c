#include "namespaces/yaml_value.h"

#include <gtest/gtest.h>

namespace prism::namespaces {
namespace {

std::string Reasons(std::string_view text, const YamlLimits& limits = {}) {
  Problems problems("f");
  ParseYaml(text, limits, problems);
  std::string reasons;
  for (const Problem& problem : problems.all()) {
    reasons += std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + " " +
               problem.reason + ";";
  }
  return reasons;
}

TEST(ParseYamlTest, KeepsPlacesAndOrder) {
  Problems problems("f");
  const YamlValue root = ParseYaml("b: 1\na:\n  - x\n  - {k: \"2\"}\n", {}, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(root.fields.size(), 2u);
  EXPECT_EQ(root.fields[0].key.text, "b");
  EXPECT_EQ(root.fields[0].value.scalar, "1");
  EXPECT_FALSE(root.fields[0].value.quoted);
  const YamlValue& list = root.fields[1].value;
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[0].mark, (Mark{3, 5}));
  ASSERT_EQ(list.items[1].fields.size(), 1u);
  EXPECT_EQ(list.items[1].fields[0].key.mark, (Mark{4, 6}));
  EXPECT_TRUE(list.items[1].fields[0].value.quoted);
}

TEST(ParseYamlTest, AnEmptyDocumentIsNothing) {
  Problems problems("f");
  EXPECT_EQ(ParseYaml("", {}, problems).kind, YamlValue::Kind::kNull);
  EXPECT_EQ(ParseYaml("# only a comment\n", {}, problems).kind, YamlValue::Kind::kNull);
  EXPECT_TRUE(problems.empty());
}

TEST(ParseYamlTest, ReportsDuplicateKeysAndGoesOn) {
  EXPECT_EQ(Reasons("a: 1\nb: 2\na: {x: 1, x: 2}\nb: 3\n"),
            "3:1 DUPLICATE_KEY;3:11 DUPLICATE_KEY;4:1 DUPLICATE_KEY;");
}

TEST(ParseYamlTest, RefusesWhatUnfolds) {
  EXPECT_EQ(Reasons("a: &x 1\n"), "1:4 YAML_UNSUPPORTED;");
  EXPECT_EQ(Reasons("a: &x [1]\nb: *x\n").substr(0, 4), "1:4 ");
  EXPECT_EQ(Reasons("a: !!int 1\n").find("YAML_UNSUPPORTED"), 4u);
  EXPECT_EQ(Reasons("? [a]\n: 1\n").find("YAML_UNSUPPORTED"), 4u);
  EXPECT_NE(Reasons("a: 1\n---\nb: 2\n").find("YAML_UNSUPPORTED"), std::string::npos);
}

TEST(ParseYamlTest, IsBounded) {
  const YamlLimits limits{.max_bytes = 1000, .max_depth = 3, .max_nodes = 10};
  EXPECT_EQ(Reasons("[[[1]]]", limits), "");
  EXPECT_EQ(Reasons("[[[[1]]]]", limits), "1:4 CONFIG_TOO_LARGE;");
  EXPECT_EQ(Reasons("[1,2,3,4,5,6,7,8,9,10]", limits), "1:20 CONFIG_TOO_LARGE;");
  EXPECT_EQ(Reasons(std::string(1001, 'x'), limits), "1:1 CONFIG_TOO_LARGE;");
  EXPECT_NE(Reasons(std::string(100'000, '[')), "");
}

TEST(ParseYamlTest, ReportsSyntaxWithItsPlace) {
  EXPECT_EQ(Reasons("a: [1, 2\nb: 3\n").find("YAML_SYNTAX"), 4u) << Reasons("a: [1, 2\nb: 3\n");
  EXPECT_EQ(Reasons("a:\n\tb: 1\n").substr(0, 2), "2:");
}

}  // namespace
}  // namespace prism::namespaces
