#include "rpc/request_headers.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kFieldOverhead = 32;

}  // namespace

bool RequestHeaders::Add(std::string_view name, std::string_view value,
                         std::size_t max_list_bytes) {
  list_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (list_bytes_ > max_list_bytes) return false;
  list_.Append(name, value);
  return true;
}

std::string_view RequestHeaders::FindList(std::string_view name, std::string& joined) const {
  std::string_view only;
  std::size_t found = 0;
  ForEach(name, [&](std::string_view value) {
    if (++found == 2) joined = only;
    only = value;
    if (found > 1) joined.append(",").append(only);
  });
  return found > 1 ? std::string_view(joined) : only;
}

void RequestHeaders::Clear() {
  list_.Clear();
  list_bytes_ = 0;
}

}  // namespace prism::rpc
