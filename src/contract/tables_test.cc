// What the gateway relies on in the tables that are generated from api/.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "contract/all_interfaces.h"
#include "contract/method.h"
#include "grpc/health/v1/health.prism.h"
#include "grpc/reflection/v1/reflection.prism.h"
#include "grpc/reflection/v1alpha/reflection.prism.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"

namespace prism::contract {
namespace {

TEST(AllInterfaces, HasTheKeyValueModelAndTheStandardServices) {
  std::vector<std::string_view> keyvalue;
  for (const InterfaceInfo* info : AllInterfaces()) {
    if (info->model == "keyvalue") keyvalue.push_back(info->id);
  }
  EXPECT_THAT(keyvalue, testing::UnorderedElementsAre("keyvalue_basic", "keyvalue_scan",
                                                      "keyvalue_ttl", "keyvalue_transactional",
                                                      "keyvalue_batch", "keyvalue_cas"));
  EXPECT_THAT(AllInterfaces(),
              testing::IsSupersetOf({&prism::keyvalue::v1::KeyValueBasic::kInterface,
                                     &grpc::health::v1::Health::kInterface,
                                     &grpc::reflection::v1::ServerReflection::kInterface,
                                     &grpc::reflection::v1alpha::ServerReflection::kInterface}));
}

TEST(AllInterfaces, PathsLabelsRoutesAndIdsAreUnique) {
  std::set<std::string_view> ids, paths, labels, routes;
  for (const InterfaceInfo* info : AllInterfaces()) {
    if (!info->id.empty()) EXPECT_TRUE(ids.insert(info->id).second) << info->id;
    for (const MethodInfo& method : info->methods) {
      EXPECT_TRUE(paths.insert(method.path).second) << method.path;
      EXPECT_TRUE(labels.insert(method.label).second) << method.label;
      if (!method.rest.empty()) EXPECT_TRUE(routes.insert(method.rest).second) << method.rest;
    }
  }
  EXPECT_FALSE(routes.empty());
}

TEST(AllInterfaces, TablesAgreeWithTheDescriptors) {
  const auto& pool = *google::protobuf::DescriptorPool::generated_pool();
  for (const InterfaceInfo* info : AllInterfaces()) {
    const auto* service = pool.FindServiceByName(std::string(info->service));
    ASSERT_NE(service, nullptr) << info->service;
    ASSERT_EQ(service->method_count(), static_cast<int>(info->methods.size()));
    for (const MethodInfo& method : info->methods) {
      const auto* declared = service->method(method.index);
      EXPECT_EQ(method.interface, info);
      EXPECT_EQ(method.name, declared->name());
      EXPECT_EQ(method.path, "/" + service->full_name() + "/" + declared->name());
      const std::unique_ptr<Message> request(method.new_request(nullptr));
      const std::unique_ptr<Message> response(method.new_response(nullptr));
      EXPECT_EQ(request->GetDescriptor(), declared->input_type());
      EXPECT_EQ(response->GetDescriptor(), declared->output_type());

      const bool client = declared->client_streaming();
      const bool server = declared->server_streaming();
      EXPECT_EQ(method.unary != nullptr, !client && !server) << method.path;
      EXPECT_EQ(method.server != nullptr, !client && server) << method.path;
      EXPECT_EQ(method.client != nullptr, client && !server) << method.path;
      EXPECT_EQ(method.bidi != nullptr, client && server) << method.path;
    }
  }
}

// What a client may repeat without asking must not be able to act twice.
TEST(AllInterfaces, KnownWritesAreRepeatedOnlyWhenThatIsHarmless) {
  for (const MethodInfo& method : prism::keyvalue::v1::KeyValueCas::kInterface.methods) {
    EXPECT_EQ(method.access, Access::kWrite) << method.path;
    EXPECT_EQ(method.retry, Retry::kWithRequestId) << method.path;
  }
  for (const InterfaceInfo* info : AllInterfaces()) {
    for (const MethodInfo& method : info->methods) {
      if (method.access == Access::kRead && !info->id.empty()) {
        EXPECT_EQ(method.retry, Retry::kAlways) << method.path;
      }
    }
  }
}

}  // namespace
}  // namespace prism::contract
