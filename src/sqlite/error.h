// The one place where SQLite's result codes become errors of the project.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace prism::sqlite {

// What a native failure means for the file that it came from.
enum class Severity {
  kTransient,  // this attempt failed, the file is as it was: full disk, lock, memory, wrong call
  kDamaged,    // the content is not what SQLite wrote: reads may go on, writes would make it worse
  kFatal       // the state on disk is unknown: nothing may be answered from the file any more
};

// `native` is an extended result code, `action` what was being done ("write", "open").
Error NativeError(int native, std::string_view file, std::string_view action,
                  std::string_view detail = {});
Severity SeverityOf(int native);
// Of an error that NativeError made.
Severity SeverityOf(const Error& error);

// Errors that SQLite itself does not know.
Error FileTooNewError(std::string_view file, std::string_view part, std::int64_t found,
                      std::int64_t supported);
Error FileForeignError(std::string_view file);
Error StoreFailedError(std::string_view file, std::string_view cause);
Error StoreClosedError(std::string_view file);
Error WriteQueueFullError(std::string_view file, std::size_t limit);
Error ReadQueueFullError(std::size_t limit);
Error DiskReserveError(std::string_view directory, int reserve_percent);

}  // namespace prism::sqlite
