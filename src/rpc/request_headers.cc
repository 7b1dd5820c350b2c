#include "rpc/request_headers.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kFieldOverhead = 32;
constexpr std::size_t kKeepBytes = 4 * 1024;

}  // namespace

bool RequestHeaders::Add(std::string_view name, std::string_view value,
                         std::size_t max_list_bytes) {
  list_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (list_bytes_ > max_list_bytes) return false;
  fields_.push_back({.offset = static_cast<std::uint32_t>(text_.size()),
                     .name_size = static_cast<std::uint32_t>(name.size()),
                     .value_size = static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
  return true;
}

std::string_view RequestHeaders::Find(std::string_view name) const {
  const std::string_view text(text_);
  for (const Field& field : fields_) {
    if (field.name_size == name.size() && text.substr(field.offset, field.name_size) == name) {
      return text.substr(field.offset + field.name_size, field.value_size);
    }
  }
  return {};
}

std::string_view RequestHeaders::FindList(std::string_view name, std::string& joined) const {
  const std::string_view text(text_);
  std::string_view only;
  std::size_t found = 0;
  for (const Field& field : fields_) {
    if (field.name_size != name.size() || text.substr(field.offset, field.name_size) != name) {
      continue;
    }
    if (++found == 2) joined = only;
    only = text.substr(field.offset + field.name_size, field.value_size);
    if (found > 1) joined.append(",").append(only);
  }
  return found > 1 ? std::string_view(joined) : only;
}

void RequestHeaders::Clear() {
  text_.clear();
  if (text_.capacity() > kKeepBytes) text_.shrink_to_fit();
  fields_.clear();
  list_bytes_ = 0;
}

}  // namespace prism::rpc
