#include "models/keyvalue/record_fields.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

TEST(Tags, ComeBackWhateverTheyHold) {
  TagMap tags;
  tags["a"] = "";
  tags[std::string(128, 'k')] = std::string(256, 'v');
  tags["\xC3\xA9"] = std::string("\0\n", 2);
  const std::string bytes = EncodeTags(tags);
  TagMap decoded;
  ASSERT_TRUE(DecodeTags(bytes, decoded));
  EXPECT_EQ(decoded.size(), 3U);
  EXPECT_EQ(decoded[std::string(128, 'k')], std::string(256, 'v'));
  EXPECT_EQ(decoded["\xC3\xA9"], std::string("\0\n", 2));
  EXPECT_EQ(EncodeTags(decoded), bytes) << "one spelling for equal tags";
  EXPECT_EQ(EncodeTags({}), "");
}

TEST(Tags, DamagedBytesAreFoundOut) {
  TagMap tags;
  tags["key"] = "value";
  const std::string bytes = EncodeTags(tags);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    TagMap decoded;
    const Status status = DecodeTags(bytes.substr(0, size), decoded);
    ASSERT_FALSE(status) << size;
    EXPECT_EQ(status.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace prism::models
