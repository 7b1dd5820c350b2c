#include "branching/storage/store_error.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/os_error.h"

namespace prism::branching::internal {

Error StoreError(int number, std::string_view action) {
  const std::string what = fmt::format("can't {}", action);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Error(Code::kResourceExhausted, "DISK_FULL",
                   fmt::format("{}: there is no space left. Delete branches or snapshots, or make "
                               "the file system of the store larger.",
                               what));
    case EACCES:
    case EPERM:
    case EROFS:
      return base::OsError(number, "STORE_DENIED", what);
    default:
      return base::OsError(number, "STORE_IO", what);
  }
}

}  // namespace prism::branching::internal
