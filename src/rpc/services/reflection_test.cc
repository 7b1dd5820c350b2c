#include "rpc/services/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <set>

#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::rpc {
namespace {

using ::grpc::reflection::v1::ServerReflectionRequest;
using ::grpc::reflection::v1::ServerReflectionResponse;

ServerReflectionResponse Ask(const ServerReflectionRequest& request) {
  // Only files of which something is used are linked.
  EXPECT_NE(keyvalue::v1::GetRequest::descriptor(), nullptr);
  const ReflectionAnswers answers({"grpc.health.v1.Health", "prism.keyvalue.v1.KeyValueBasic"});
  ServerReflectionResponse response;
  answers.Answer(request, response);
  return response;
}

TEST(ReflectionTest, ListsTheOfferedServices) {
  ServerReflectionRequest request;
  request.set_list_services("*");
  const auto response = Ask(request);
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(1).name(), "prism.keyvalue.v1.KeyValueBasic");
  EXPECT_EQ(response.original_request().list_services(), "*");
}

TEST(ReflectionTest, AFileComesWithAllItsImportsSoThatAPoolCanBeBuilt) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol("grpc.health.v1.Health.Check");
  const auto health = Ask(request);
  ASSERT_EQ(health.file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_file_by_filename("prism/keyvalue/v1/keyvalue.proto");
  const auto response = Ask(request);
  google::protobuf::DescriptorPool pool;
  // Imports come behind who imports them: add them in reverse.
  for (int i = response.file_descriptor_response().file_descriptor_proto_size() - 1; i >= 0; --i) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(response.file_descriptor_response().file_descriptor_proto(i)));
    ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
  }
  EXPECT_NE(pool.FindMessageTypeByName("prism.keyvalue.v1.GetRequest"), nullptr);
}

TEST(ReflectionTest, ExtensionsAreFound) {
  ServerReflectionRequest request;
  request.mutable_file_containing_extension()->set_containing_type("google.protobuf.MethodOptions");
  request.mutable_file_containing_extension()->set_extension_number(50880);
  EXPECT_GT(Ask(request).file_descriptor_response().file_descriptor_proto_size(), 0);
  request.set_all_extension_numbers_of_type("google.protobuf.MethodOptions");
  const auto numbers = Ask(request).all_extension_numbers_response();
  EXPECT_EQ(std::set<int>(numbers.extension_number().begin(), numbers.extension_number().end())
                .count(50880),
            1u);
}

TEST(ReflectionTest, WhatIsUnknownIsNotFound) {
  ServerReflectionRequest request;
  for (const auto& response : {Ask(request)}) EXPECT_EQ(response.error_response().error_code(), 3);
  request.set_file_by_filename("no/such.proto");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_file_containing_symbol("no.such.Symbol");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.mutable_file_containing_extension()->set_containing_type("no.such.Type");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
}

}  // namespace
}  // namespace prism::rpc
