#include "gateway/first_message.h"

#include <google/protobuf/descriptor.h>

#include <utility>

namespace prism::gateway {

runtime::Task<Result<bool>> FirstMessageSource::Read(google::protobuf::Message& into) {
  google::protobuf::Message* first = std::exchange(first_, nullptr);
  if (first == nullptr) co_return co_await rest_.Read(into);
  into.CopyFrom(*first);
  co_return true;
}

std::string NamespaceOf(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByNumber(1);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
    return {};
  }
  return message.GetReflection()->GetString(message, field);
}

}  // namespace prism::gateway
