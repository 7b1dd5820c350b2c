#include "rpc/json/any_type.h"

#include <string>

namespace prism::rpc {

const google::protobuf::Message* FindAnyType(std::string_view url) {
  const std::size_t slash = url.rfind('/');
  if (slash == std::string_view::npos) return nullptr;
  const google::protobuf::Descriptor* const type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string(url.substr(slash + 1)));
  if (type == nullptr) return nullptr;
  return google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
}

}  // namespace prism::rpc
