#include "contract/status_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/utf8.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace prism::contract {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Error Full() {
  return Error(Code::kResourceExhausted, "RATE_LIMITED", "too many requests: wait")
      .With("namespace", "orders")
      .With("limit", "100")
      .WithField("key", "must not be empty")
      .WithField("ttl", "must be positive")
      .WithRetryAfter(milliseconds(1250));
}

Error RoundTrip(const Error& error) {
  return DecodeStatus(Code::kUnknown, "", EncodeStatus(error));
}

google::rpc::Status Parse(const std::string& bytes) {
  google::rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(bytes));
  return status;
}

TEST(StatusProto, CarriesTheStandardDetails) {
  const google::rpc::Status status = Parse(EncodeStatus(Full()));
  EXPECT_EQ(status.code(), 8);
  EXPECT_EQ(status.message(), "too many requests: wait");
  ASSERT_EQ(status.details_size(), 3);

  EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "RATE_LIMITED");
  EXPECT_EQ(info.domain(), "prism");
  EXPECT_EQ(info.metadata().at("limit"), "100");

  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(status.details(1).UnpackTo(&bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 2);
  EXPECT_EQ(bad_request.field_violations(1).field(), "ttl");

  google::rpc::RetryInfo retry;
  ASSERT_TRUE(status.details(2).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(StatusProto, LeavesOutWhatAnErrorDoesNotHave) {
  const google::rpc::Status status =
      Parse(EncodeStatus(Error(Code::kNotFound, "NAMESPACE_NOT_FOUND", "no such namespace")));
  ASSERT_EQ(status.details_size(), 1);
  EXPECT_TRUE(status.details(0).Is<google::rpc::ErrorInfo>());
}

TEST(StatusProto, ComesBackAsItWent) {
  const Error error = RoundTrip(Full());
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_EQ(error.reason(), "RATE_LIMITED");
  EXPECT_EQ(error.message(), "too many requests: wait");
  EXPECT_THAT(error.metadata(),
              testing::UnorderedElementsAre(Pair("namespace", "orders"), Pair("limit", "100")));
  ASSERT_EQ(error.fields().size(), 2u);
  EXPECT_EQ(error.fields()[0].field, "key");
  EXPECT_EQ(error.fields()[0].description, "must not be empty");
  EXPECT_EQ(error.fields()[1].field, "ttl");
  EXPECT_EQ(error.retry_after(), milliseconds(1250));
}

TEST(StatusProto, EveryCodeComesBack) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_EQ(RoundTrip(Error(CodeFromNumber(code), "R", "m")).code(), CodeFromNumber(code));
  }
  EXPECT_EQ(CodeFromNumber(17), Code::kUnknown);
  EXPECT_EQ(CodeFromNumber(-1), Code::kUnknown);
}

TEST(StatusProto, EqualErrorsHaveEqualBytes) {
  EXPECT_EQ(EncodeStatus(Full()), EncodeStatus(Full()));
}

TEST(StatusProto, ShedsFieldsThenMetadataThenTheEndOfTheMessage) {
  Error many = Full();
  for (int i = 0; i < 1000; ++i) many = std::move(many).WithField("items", std::string(100, 'x'));
  EXPECT_LE(EncodeStatus(many).size(), kMaxStatusBytes);
  const Error fewer = RoundTrip(many);
  EXPECT_EQ(fewer.reason(), "RATE_LIMITED");
  EXPECT_EQ(fewer.metadata().size(), 2u);
  EXPECT_EQ(fewer.fields()[0].field, "key");
  EXPECT_LT(fewer.fields().size(), 100u);

  const Error bare = RoundTrip(Full().With("huge", std::string(2 * kMaxStatusBytes, 'x')));
  EXPECT_EQ(bare.reason(), "RATE_LIMITED");
  EXPECT_THAT(bare.metadata(), IsEmpty());
  EXPECT_EQ(bare.message(), "too many requests: wait");

  std::string long_message = "x";
  while (long_message.size() < 20'000) long_message += "\xe2\x82\xac";
  const Error cut = RoundTrip(Error(Code::kInternal, "BROKEN", long_message));
  EXPECT_EQ(cut.reason(), "BROKEN");
  EXPECT_GT(cut.message().size(), 1000u);
  EXPECT_TRUE(long_message.starts_with(cut.message()));
  EXPECT_TRUE(base::IsValidUtf8(cut.message()));
}

TEST(StatusProto, WhatIsNotUtf8IsMadeReadable) {
  const Error error =
      RoundTrip(Error(Code::kInvalidArgument, "BAD", "key \xff\xfe").With("k", "\xc3"));
  EXPECT_EQ(error.message(), "key ??");
  EXPECT_THAT(error.metadata(), ElementsAre(Pair("k", "?")));
}

TEST(DecodeStatus, FallsBackOnCodeAndMessage) {
  for (const std::string details : {"", "\xff\xff", "\x08"}) {
    const Error error = DecodeStatus(Code::kUnavailable, "gone", details);
    EXPECT_EQ(error.code(), Code::kUnavailable);
    EXPECT_EQ(error.reason(), "UNAVAILABLE");
    EXPECT_EQ(error.message(), "gone");
  }
}

TEST(DecodeStatus, DetailsThatSayOkAreIgnored) {
  google::rpc::Status status;
  status.set_message("fine");
  EXPECT_EQ(DecodeStatus(Code::kInternal, "broken", status.SerializeAsString()).ToString(),
            "INTERNAL/INTERNAL: broken");
}

TEST(DecodeStatus, AReasonOfAnotherDomainIsNotOurs) {
  google::rpc::ErrorInfo info;
  info.set_reason("API_DISABLED");
  info.set_domain("example.com");
  google::rpc::Status status;
  status.set_code(7);
  status.set_message("no");
  status.add_details()->PackFrom(info);
  EXPECT_EQ(DecodeStatus(Code::kUnknown, "", status.SerializeAsString()).ToString(),
            "PERMISSION_DENIED/PERMISSION_DENIED: no");
}

TEST(DecodeStatus, AbsurdDelaysAreBounded) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  google::rpc::Status status;
  status.set_code(14);
  status.add_details()->PackFrom(retry);
  const Error error = DecodeStatus(Code::kUnknown, "", status.SerializeAsString());
  EXPECT_EQ(error.retry_after(), std::chrono::hours(366 * 24));
}

}  // namespace
}  // namespace prism::contract
