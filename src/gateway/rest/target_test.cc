// Targets as strangers write them: what each names, or why it is refused.
#include "gateway/rest/target.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gateway/rest/escaped_text.h"
#include "gateway/rest/keyvalue_target.h"
#include "gateway/rest/resource_routes.h"

namespace prism::gateway {
namespace {

using std::string_literals::operator""s;

TEST(SplitTargetTest, CutsAndDoesNotNormalise) {
  const auto target = SplitTarget("/v1/ns/keyvalue/a/../b//?x=1?&y");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->ns, "ns");
  EXPECT_EQ(target->kind, "keyvalue");
  EXPECT_EQ(target->name, "a/../b//");
  EXPECT_EQ(target->query, "x=1?&y");
  EXPECT_EQ(SplitTarget("/v1/ns/keyvalue")->name, std::nullopt);
  EXPECT_EQ(SplitTarget("/v1/ns/keyvalue/")->name, "");
}

TEST(ResourceRoutesTest, KnowsWhichTargetsAreItsOwn) {
  const ResourceRoutes routes;
  for (const std::string_view target :
       {"/v1/default/keyvalue", "/v1/default/keyvalue?prefix=a", "/v1/default/keyvalue/",
        "/v1/default/keyvalue/a", "/v1//keyvalue/a", "/v1/%00/keyvalue/a", "/v1/a/keyvalue/../b"}) {
    EXPECT_NE(routes.Find(target), nullptr) << target;
  }
  for (const std::string_view target :
       {"", "/", "*", "/v1", "/v1/", "/v1/default", "/v1/default/", "/v1/default/keyvalues/a",
        "/v1/default/keyvalu%65/a", "/v1/default/KeyValue/a", "/V1/default/keyvalue/a",
        "/v2/default/keyvalue/a", "//v1/default/keyvalue/a", "/v1/default?/keyvalue/a",
        "/v1/default//keyvalue/a", "/prism.keyvalue.v1.KeyValueBasic/Get"}) {
    EXPECT_EQ(routes.Find(target), nullptr) << target;
  }
}

TEST(KeyValueTargetTest, NamesKeys) {
  struct Case {
    std::string_view target;
    std::string key;
  };
  const std::vector<Case> cases = {
      {"/v1/ns/keyvalue/greeting", "greeting"},
      {"/v1/ns/keyvalue/a%2Fb%2fc", "a/b/c"},
      {"/v1/ns/keyvalue/a+b", "a+b"},
      {"/v1/ns/keyvalue/a%20b:c@d;e=f,g&h", "a b:c@d;e=f,g&h"},
      {"/v1/ns/keyvalue/gr%C3%BC%C3%9Fe", "grüße"},
      {"/v1/ns/keyvalue/...", "..."},
      {"/v1/ns/keyvalue/.a", ".a"},
      {"/v1/ns/keyvalue/%25", "%"},
      {"/v1/ns/keyvalue/%252F", "%2F"},
      {"/v1/ns/keyvalue/a?", "a"},
      {"/v1/ns/keyvalue/", ""},
      {"/v1/ns/keyvalue/%00", "\0"s},
      {"/v1/ns/keyvalue?key=a/b", "a/b"},
      {"/v1/ns/keyvalue?key=..", ".."},
      {"/v1/ns/keyvalue?key=a+b%2Bc", "a b+c"},
      {"/v1/ns/keyvalue?key=a=b?c", "a=b?c"},
      {"/v1/ns/keyvalue?&key=a&", "a"},
      {"/v1/ns/keyvalue?key=", ""},
      {"/v1/ns/keyvalue?key", ""},
      {"/v1/ns/keyvalue?k%65y=a", "a"},
      {"/v1/ns/keyvalue?key_b64=YS9i", "a/b"},
      {"/v1/ns/keyvalue?key_b64=Li4", ".."},
      {"/v1/ns/keyvalue?key_b64=Li4=", ".."},
      {"/v1/ns/keyvalue?key_b64=Li4%3D", ".."},
      {"/v1/ns/keyvalue?key_b64=w7_Dvg", "ÿþ"},
      {"/v1/ns/keyvalue?key_b64=w7/Dvg==", "ÿþ"},
      {"/v1/ns/keyvalue?key_b64=Pj4+", ">>>"},
      {"/v1/ns/keyvalue?key_b64=Pj4-", ">>>"},
      {"/v1/ns/keyvalue?key_b64=Pj4%2B", ">>>"},
  };
  for (const auto& [target, key] : cases) {
    const auto parsed = ParseKeyValueTarget(target);
    ASSERT_TRUE(parsed.has_value()) << target << " " << parsed.error().ToString();
    EXPECT_EQ(parsed->ns, "ns");
    EXPECT_EQ(parsed->key, key) << target;
  }
}

TEST(KeyValueTargetTest, NamesLists) {
  const auto all = ParseKeyValueTarget("/v1/%6es/keyvalue");
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->ns, "ns");
  EXPECT_EQ(all->key, std::nullopt);
  EXPECT_EQ(all->list.limit, 0);
  EXPECT_FALSE(all->list.keys_only);
  const auto some = ParseKeyValueTarget(
      "/v1/ns/keyvalue?prefix=user%3A+&limit=10&page_token=a+b/c==&keys_only=true");
  ASSERT_TRUE(some.has_value()) << some.error().ToString();
  EXPECT_EQ(some->list.prefix, "user: ");
  EXPECT_EQ(some->list.limit, 10);
  EXPECT_EQ(some->list.page_token, "a+b/c==");
  EXPECT_TRUE(some->list.keys_only);
  EXPECT_FALSE(ParseKeyValueTarget("/v1/ns/keyvalue?keys_only=false")->list.keys_only);
  EXPECT_EQ(ParseKeyValueTarget("/v1/ns/keyvalue?limit=-1")->list.limit, -1);
}

TEST(KeyValueTargetTest, RefusesWhatIsMalformedOrAmbiguous) {
  struct Case {
    std::string_view target;
    std::string_view reason;
    std::string_view field;
  };
  const std::vector<Case> cases = {
      {"/v1/ns/keyvalue/%", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/%2", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/a%2", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/%2G", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/%G2", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/%%41", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/%u0041", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue/% 41", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/%zz/keyvalue/a", "PERCENT_ESCAPE_INVALID", "namespace"},
      {"/v1/ns/keyvalue?key=%", "PERCENT_ESCAPE_INVALID", "key"},
      {"/v1/ns/keyvalue?prefix=%4", "PERCENT_ESCAPE_INVALID", "prefix"},
      {"/v1/ns/keyvalue?%=a", "PERCENT_ESCAPE_INVALID", "query"},
      {"/v1/ns/keyvalue/%C0%AF", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue/%E0%80%AF", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue/%C3", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue/%FF", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue/%ED%A0%80", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue/%F4%90%80%80", "MALFORMED_MESSAGE", "key"},
      {"/v1/%FF/keyvalue/a", "MALFORMED_MESSAGE", "namespace"},
      {"/v1/ns/keyvalue?key=%C1%81", "MALFORMED_MESSAGE", "key"},
      {"/v1/ns/keyvalue?key_b64=_w", "MALFORMED_MESSAGE", "key_b64"},
      {"/v1/ns/keyvalue/gr\xC3\xBC"
       "n",
       "CHARACTER_NOT_ESCAPED", "key"},
      {"/v1/ns/keyvalue/a b", "CHARACTER_NOT_ESCAPED", "key"},
      {"/v1/ns/keyvalue/a#b", "CHARACTER_NOT_ESCAPED", "key"},
      {"/v1/ns/keyvalue/a\x7f", "CHARACTER_NOT_ESCAPED", "key"},
      {"/v1/ns/keyvalue?key=a\tb", "CHARACTER_NOT_ESCAPED", "key"},
      {"/v1/ns/keyvalue/a/b", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue//a", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/a/", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/.", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/..", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/%2e", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/.%2E", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/../other", "KEY_PATH_AMBIGUOUS", "key"},
      {"/v1/ns/keyvalue/a?key=a", "KEY_REPEATED", "key"},
      {"/v1/ns/keyvalue/?key=a", "KEY_REPEATED", "key"},
      {"/v1/ns/keyvalue/a?key_b64=YQ", "KEY_REPEATED", "key"},
      {"/v1/ns/keyvalue?key=a&key_b64=YQ", "KEY_REPEATED", "key"},
      {"/v1/ns/keyvalue?key=a&key=a", "PARAMETER_REPEATED", "key"},
      {"/v1/ns/keyvalue?limit=1&limit=2", "PARAMETER_REPEATED", "limit"},
      {"/v1/ns/keyvalue?key_b64=Y", "KEY_B64_MALFORMED", "key_b64"},
      {"/v1/ns/keyvalue?key_b64=YR", "KEY_B64_MALFORMED", "key_b64"},
      {"/v1/ns/keyvalue?key_b64=Y!==", "KEY_B64_MALFORMED", "key_b64"},
      {"/v1/ns/keyvalue?key_b64=YQ%20", "KEY_B64_MALFORMED", "key_b64"},
      {"/v1/ns/keyvalue?kye=a", "PARAMETER_UNKNOWN", "query"},
      {"/v1/ns/keyvalue?=a", "PARAMETER_UNKNOWN", "query"},
      {"/v1/ns/keyvalue/a?version=3", "PARAMETER_UNKNOWN", "query"},
      {"/v1/ns/keyvalue?Key=a", "PARAMETER_UNKNOWN", "query"},
      {"/v1/ns/keyvalue/a?limit=3", "PARAMETER_MISPLACED", "limit"},
      {"/v1/ns/keyvalue?key=a&prefix=", "PARAMETER_MISPLACED", "prefix"},
      {"/v1/ns/keyvalue?limit=", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?limit=ten", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?limit=10x", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?limit=%2B1", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?limit=0x10", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?limit=9223372036854775808", "LIMIT_MALFORMED", "limit"},
      {"/v1/ns/keyvalue?keys_only", "KEYS_ONLY_MALFORMED", "keys_only"},
      {"/v1/ns/keyvalue?keys_only=1", "KEYS_ONLY_MALFORMED", "keys_only"},
      {"/v1/ns/keyvalue?keys_only=True", "KEYS_ONLY_MALFORMED", "keys_only"},
  };
  for (const auto& [target, reason, field] : cases) {
    const auto parsed = ParseKeyValueTarget(target);
    ASSERT_FALSE(parsed.has_value()) << target;
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument) << target;
    EXPECT_EQ(parsed.error().reason(), reason) << target;
    ASSERT_EQ(parsed.error().fields().size(), 1u) << target;
    EXPECT_EQ(parsed.error().fields()[0].field, field) << target;
  }
}

TEST(KeyValueTargetTest, SuggestsTheParameterThatWasMeant) {
  const auto near = ParseKeyValueTarget("/v1/ns/keyvalue?pagetoken=a");
  ASSERT_FALSE(near.has_value());
  EXPECT_NE(near.error().message().find("did you mean \"page_token\"?"), std::string::npos);
  const auto far = ParseKeyValueTarget("/v1/ns/keyvalue?" + std::string(5000, 'x'));
  ASSERT_FALSE(far.has_value());
  EXPECT_LT(far.error().message().size(), 200u);
}

TEST(EscapedTextTest, EncodesWhatDecodesToTheSame) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "grüße";
  const std::string encoded = EncodeText(all);
  EXPECT_EQ(encoded.find_first_of(" ,;=\"%%"), encoded.find('%'));
  EXPECT_EQ(DecodeText(encoded, TextPlace::kHeader, "x"), all);
  EXPECT_EQ(DecodeText(encoded, TextPlace::kPath, "x"), all);
  EXPECT_EQ(DecodeText(encoded, TextPlace::kQuery, "x"), all);
  EXPECT_EQ(EncodeText("a-b_c.d~e:f/g@h"), "a-b_c.d~e:f/g@h");
}

}  // namespace
}  // namespace prism::gateway
