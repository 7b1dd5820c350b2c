#include "rpc/services/reflection.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <vector>

namespace prism::rpc {
namespace {

namespace v1 = ::grpc::reflection::v1;
namespace v1alpha = ::grpc::reflection::v1alpha;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

void NotFound(v1::ServerReflectionResponse& response, const std::string& what) {
  response.mutable_error_response()->set_error_code(static_cast<int>(Code::kNotFound));
  response.mutable_error_response()->set_error_message(
      fmt::format("{} is not known here; list_services shows what is", what));
}

// The file and everything that it imports, each once: a client can build its pool from one answer.
void AddWithImports(const FileDescriptor& file, std::set<std::string>& added,
                    v1::FileDescriptorResponse& into) {
  if (!added.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  into.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i)
    AddWithImports(*file.dependency(i), added, into);
}

void AnswerFile(const FileDescriptor* file, const std::string& what,
                v1::ServerReflectionResponse& response) {
  if (file == nullptr) return NotFound(response, what);
  std::set<std::string> added;
  AddWithImports(*file, added, *response.mutable_file_descriptor_response());
}

void AnswerExtension(const v1::ExtensionRequest& request, v1::ServerReflectionResponse& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const auto* type = pool.FindMessageTypeByName(request.containing_type());
  const FieldDescriptor* extension =
      type == nullptr ? nullptr : pool.FindExtensionByNumber(type, request.extension_number());
  AnswerFile(
      extension == nullptr ? nullptr : extension->file(),
      fmt::format("extension {} of {}", request.extension_number(), request.containing_type()),
      response);
}

void AnswerExtensionNumbers(const std::string& name, v1::ServerReflectionResponse& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const auto* type = pool.FindMessageTypeByName(name);
  if (type == nullptr) return NotFound(response, name);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(type, &extensions);
  auto& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(name);
  for (const FieldDescriptor* extension : extensions)
    numbers.add_extension_number(extension->number());
}

// Reads requests until the client is done and answers each.
template <class Request, class Response, class Answer>
runtime::Task<Status> Converse(contract::Source<Request> source, contract::Sink<Response> sink,
                               Answer answer) {
  Request request;
  Response response;
  for (;;) {
    CO_TRY_ASSIGN(const bool more, co_await source.Read(request));
    if (!more) co_return Status();
    response.Clear();
    answer(request, response);
    CO_TRY(co_await sink.Write(response));
  }
}

}  // namespace

void ReflectionAnswers::Answer(const v1::ServerReflectionRequest& request,
                               v1::ServerReflectionResponse& response) const {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case v1::ServerReflectionRequest::kFileByFilename:
      return AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                        response);
    case v1::ServerReflectionRequest::kFileContainingSymbol:
      return AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                        request.file_containing_symbol(), response);
    case v1::ServerReflectionRequest::kFileContainingExtension:
      return AnswerExtension(request.file_containing_extension(), response);
    case v1::ServerReflectionRequest::kAllExtensionNumbersOfType:
      return AnswerExtensionNumbers(request.all_extension_numbers_of_type(), response);
    case v1::ServerReflectionRequest::kListServices: {
      auto& list = *response.mutable_list_services_response();
      for (const std::string& service : services_) list.add_service()->set_name(service);
      return;
    }
    case v1::ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(static_cast<int>(Code::kInvalidArgument));
      response.mutable_error_response()->set_error_message(
          "the request asks nothing; set one field");
  }
}

runtime::Task<Status> ReflectionService::ServerReflectionInfo(
    contract::CallContext& /*ctx*/, contract::Source<v1::ServerReflectionRequest> source,
    contract::Sink<v1::ServerReflectionResponse> sink) {
  return Converse(
      source, sink,
      [this](const v1::ServerReflectionRequest& request, v1::ServerReflectionResponse& response) {
        answers_.Answer(request, response);
      });
}

runtime::Task<Status> ReflectionAlphaService::ServerReflectionInfo(
    contract::CallContext& /*ctx*/, contract::Source<v1alpha::ServerReflectionRequest> source,
    contract::Sink<v1alpha::ServerReflectionResponse> sink) {
  return Converse(source, sink,
                  [this](const v1alpha::ServerReflectionRequest& request,
                         v1alpha::ServerReflectionResponse& response) {
                    v1::ServerReflectionRequest same_request;
                    v1::ServerReflectionResponse same_response;
                    same_request.ParseFromString(request.SerializeAsString());
                    answers_.Answer(same_request, same_response);
                    response.ParseFromString(same_response.SerializeAsString());
                  });
}

}  // namespace prism::rpc
