#include "gateway/rest/http_status.h"

#include <algorithm>
#include <array>

#include "rpc/call/connect_error.h"

namespace prism::gateway {

namespace {

struct Row {
  std::string_view reason;
  std::string_view status;
};

// Where the code alone would mislead: 409 and 429 ask for the same request again, 501 for nothing.
constexpr std::array kRows = {
    Row{"HTTP_METHOD_UNSUPPORTED", "405"},
    Row{"VERSION_MISMATCH", "412"},
    Row{"VALUE_TOO_LARGE", "413"},
    Row{"MESSAGE_TOO_LARGE", "413"},
    Row{"COMPRESSION_UNSUPPORTED", "415"},
    Row{"CONTENT_TYPE_UNSUPPORTED", "415"},
    Row{"RANGE_UNSUPPORTED", "416"},
    Row{"HEADERS_TOO_LARGE", "431"},
    Row{"DISK_FULL", "507"},
    Row{"MEMORY_LIMIT", "507"},
    Row{"QUOTA_EXCEEDED", "507"},
};

}  // namespace

std::string_view ResourceStatus(const Error& error) {
  const auto* const row = std::ranges::find(kRows, error.reason(), &Row::reason);
  return row != kRows.end() ? row->status : rpc::HttpStatusOf(error.code());
}

}  // namespace prism::gateway
