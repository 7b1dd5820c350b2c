// grpc.reflection.v1 and v1alpha: lets tools such as grpcurl discover services and messages.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "contract/implements.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1/reflection.prism.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.prism.h"

namespace google::protobuf {
class FileDescriptor;
}

namespace prism::rpc {

// Answers one request from the descriptors that are linked into the program. Immutable,
// thread-safe.
class ReflectionAnswers {
 public:
  // `services`: full names of those that the server offers; only they are listed.
  explicit ReflectionAnswers(std::vector<std::string> services) : services_(std::move(services)) {}

  void Answer(const ::grpc::reflection::v1::ServerReflectionRequest& request,
              ::grpc::reflection::v1::ServerReflectionResponse& response) const;

 private:
  std::vector<std::string> services_;
};

class ReflectionService final
    : public contract::Implements<::grpc::reflection::v1::ServerReflection> {
 public:
  explicit ReflectionService(std::vector<std::string> services) : answers_(std::move(services)) {}

  runtime::Task<Status> ServerReflectionInfo(
      contract::CallContext& ctx,
      contract::Source<::grpc::reflection::v1::ServerReflectionRequest> source,
      contract::Sink<::grpc::reflection::v1::ServerReflectionResponse> sink) override;

 private:
  ReflectionAnswers answers_;
};

// The older package has the same messages under another name: requests and answers are converted on
// the wire format.
class ReflectionAlphaService final
    : public contract::Implements<::grpc::reflection::v1alpha::ServerReflection> {
 public:
  explicit ReflectionAlphaService(std::vector<std::string> services)
      : answers_(std::move(services)) {}

  runtime::Task<Status> ServerReflectionInfo(
      contract::CallContext& ctx,
      contract::Source<::grpc::reflection::v1alpha::ServerReflectionRequest> source,
      contract::Sink<::grpc::reflection::v1alpha::ServerReflectionResponse> sink) override;

 private:
  ReflectionAnswers answers_;
};

}  // namespace prism::rpc
