#include "contract/peek.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::contract {
namespace {

using keyvalue::v1::BatchSetRequest;
using keyvalue::v1::GetRequest;
using keyvalue::v1::SetRequest;
using std::string_literals::operator""s;

std::string Namespace(std::string_view bytes) {
  const auto peeked = PeekNamespace(bytes);
  return peeked ? std::string(*peeked) : peeked.error().ToString();
}

bool Refused(std::string_view bytes) {
  const auto peeked = PeekNamespace(bytes);
  return !peeked && peeked.error().code() == Code::kInvalidArgument &&
         peeked.error().reason() == "MALFORMED_MESSAGE";
}

TEST(PeekNamespace, FindsItInFrontAndBehindOtherFields) {
  GetRequest request;
  request.set_namespace_("orders");
  request.set_key("k");
  EXPECT_EQ(Namespace(request.SerializeAsString()), "orders");
  EXPECT_EQ(Namespace("\x12\x01k\x0a\x06orders"), "orders");
}

TEST(PeekNamespace, IsEmptyWithoutTheField) {
  EXPECT_EQ(Namespace(""), "");
  EXPECT_EQ(Namespace("\x12\x01k"), "");
  EXPECT_EQ(Namespace("\x0a\x00"s), "");
}

TEST(PeekNamespace, TakesTheLastOccurrence) {
  EXPECT_EQ(Namespace("\x0a\x05"
                      "first"
                      "\x12\x01k"
                      "\x0a\x04last"),
            "last");
  EXPECT_EQ(Namespace("\x0a\x05"
                      "first"
                      "\x0a\x00"s),
            "");
}

TEST(PeekNamespace, IgnoresFieldOneOfAnotherWireTypeOrInsideOtherFields) {
  EXPECT_EQ(Namespace("\x0a\x01n\x08\x07"), "n");              // varint
  EXPECT_EQ(Namespace("\x0a\x01n\x0d\x01\x02\x03\x04"), "n");  // fixed32
  EXPECT_EQ(Namespace("\x0a\x01n\x13\x0a\x01x\x14"), "n");     // in a group
  EXPECT_EQ(Namespace("\x0a\x01n\x12\x03\x0a\x01x"), "n");     // in a nested message
}

TEST(PeekNamespace, RefusesBadWireFormat) {
  EXPECT_TRUE(Refused("\x0a"));                                  // no length
  EXPECT_TRUE(Refused("\x0a\x02n"));                             // shorter than its length
  EXPECT_TRUE(Refused("\x0a\xff\xff\xff\xff\x0fn"));             // 4 GiB
  EXPECT_TRUE(Refused("\x00"s));                                 // field number 0
  EXPECT_TRUE(Refused("\x0e"));                                  // wire type 6
  EXPECT_TRUE(Refused("\x14"));                                  // end of no group
  EXPECT_TRUE(Refused("\x13\x0a\x01x"));                         // group without end
  EXPECT_TRUE(Refused("\x13\x1c"));                              // end of another group
  EXPECT_TRUE(Refused("\x10\x80"));                              // varint cut short
  EXPECT_TRUE(Refused("\x10" + std::string(10, '\x80') + "a"));  // varint of 11 bytes
  EXPECT_TRUE(Refused("\x15\x01\x02\x03"));                      // fixed32 cut short
  EXPECT_TRUE(Refused("\x11\x01\x02\x03\x04\x05\x06\x07"));      // fixed64 cut short
  EXPECT_TRUE(Refused("\x0a\x02\xc3\x28"));                      // not UTF-8
}

TEST(PeekNamespace, FollowsAHundredGroupsAndNoMore) {
  const std::string hundred = std::string(100, '\x13') + std::string(100, '\x14');
  EXPECT_EQ(Namespace("\x0a\x01n" + hundred), "n");
  EXPECT_TRUE(Refused("\x0a\x01n\x13" + hundred + "\x14"));
}

// What protobuf's parser accepts is accepted, and means the same.
template <class Request>
void ExpectAcceptedAsByProtobuf(const std::string& bytes) {
  Request parsed;
  if (!parsed.ParseFromString(bytes)) return;
  const auto peeked = PeekNamespace(bytes);
  ASSERT_TRUE(peeked) << testing::PrintToString(bytes);
  ASSERT_EQ(*peeked, parsed.namespace_()) << testing::PrintToString(bytes);
}

// This message has field 1 and nothing else that protobuf would look into, so that both must also
// refuse the same.
void ExpectExactlyAsProtobuf(const std::string& bytes) {
  grpc::health::v1::HealthCheckRequest parsed;
  const bool accepted = parsed.ParseFromString(bytes);
  const auto peeked = PeekNamespace(bytes);
  ASSERT_EQ(accepted, peeked.has_value()) << testing::PrintToString(bytes);
  if (accepted) {
    ASSERT_EQ(*peeked, parsed.service()) << testing::PrintToString(bytes);
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  SetRequest set;
  set.set_namespace_("orders");
  set.set_key("user:1");
  set.set_value(std::string(300, 'v'));
  set.mutable_ttl()->set_seconds(5);
  (*set.mutable_tags())["a"] = "b";
  seeds.push_back(set.SerializeAsString());
  BatchSetRequest batch;
  batch.set_namespace_("n\xc3\xa9");
  for (int i = 0; i < 5; ++i) batch.add_items()->set_key("k" + std::to_string(i));
  seeds.push_back(batch.SerializeAsString());
  seeds.emplace_back(
      "\x0a\x01n\x13\x0a\x01x\x23\x24\x14\x0a\x02no\x10\x96\x01\x0d\x01\x02\x03\x04");
  seeds.push_back("\x8a\x80\x80\x80\x00\x81\x80\x00n\x19\x01\x02\x03\x04\x05\x06\x07\x08"s);
  return seeds;
}

TEST(PeekNamespace, AgreesWithProtobufOnRandomMutations) {
  // Each refused string would be reported on stderr.
  google::protobuf::LogSilencer silence;
  std::mt19937_64 random(20261121);
  const std::vector<std::string> seeds = Seeds();
  int accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes = seeds[random() % seeds.size()];
    for (std::uint64_t edits = 1 + random() % 4; edits > 0 && !bytes.empty(); --edits) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.erase(at, 1 + random() % 3);
          break;
        default:
          bytes.insert(at, 1 + random() % 3, static_cast<char>(random()));
      }
    }
    if (PeekNamespace(bytes)) ++accepted;
    ASSERT_NO_FATAL_FAILURE(ExpectExactlyAsProtobuf(bytes));
    ASSERT_NO_FATAL_FAILURE(ExpectAcceptedAsByProtobuf<SetRequest>(bytes));
    ASSERT_NO_FATAL_FAILURE(ExpectAcceptedAsByProtobuf<BatchSetRequest>(bytes));
  }
  // Both outcomes were exercised.
  EXPECT_GT(accepted, 10'000);
  EXPECT_LT(accepted, 190'000);
}

}  // namespace
}  // namespace prism::contract
