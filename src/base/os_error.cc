#include "base/os_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace prism::base {
namespace {

Code CodeOf(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
    case EADDRINUSE:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EAGAIN:
      return Code::kResourceExhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return Code::kUnavailable;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case E2BIG:
    case ENOEXEC:
      return Code::kInvalidArgument;
    case EISDIR:
    case EBUSY:
    case ETXTBSY:
      return Code::kFailedPrecondition;
    case EIO:
      return Code::kDataLoss;
    default:
      return Code::kInternal;
  }
}

}  // namespace

Error OsError(int number, std::string_view reason, std::string_view what) {
  const char* name = ::strerrorname_np(number);
  std::string symbol = name != nullptr ? name : fmt::format("errno {}", number);
  const char* text = ::strerrordesc_np(number);
  return Error(CodeOf(number), reason,
               fmt::format("{}: {} ({})", what, text != nullptr ? text : "unknown error", symbol))
      .With("errno", std::move(symbol));
}

}  // namespace prism::base
