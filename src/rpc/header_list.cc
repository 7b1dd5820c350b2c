#include "rpc/header_list.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kKeepBytes = 4 * 1024;

}  // namespace

void HeaderList::Append(std::string_view name, std::string_view value) {
  fields_.push_back({.offset = static_cast<std::uint32_t>(text_.size()),
                     .name_size = static_cast<std::uint32_t>(name.size()),
                     .value_size = static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

std::string_view HeaderList::Find(std::string_view name) const {
  const std::string_view text(text_);
  for (const Field& field : fields_) {
    if (field.name_size == name.size() && text.substr(field.offset, field.name_size) == name) {
      return text.substr(field.offset + field.name_size, field.value_size);
    }
  }
  return {};
}

void HeaderList::Clear() {
  text_.clear();
  if (text_.capacity() > kKeepBytes) text_.shrink_to_fit();
  fields_.clear();
}

}  // namespace prism::rpc
