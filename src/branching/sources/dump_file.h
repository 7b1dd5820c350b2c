// What pg_dump and pg_dumpall leave, seen from outside.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

enum class DumpFormat {
  kDatabaseScript,  // SQL of pg_dump
  kClusterScript,   // SQL of pg_dumpall: roles and all databases
  kArchive,         // custom or tar format of pg_dump
  kDirectory,       // directory format of pg_dump
};

struct DumpFile {
  std::string path;
  DumpFormat format = DumpFormat::kArchive;
  // The major version of PostgreSQL that it was taken from; 0: it does not say, as archives don't.
  int major = 0;
  std::string moment;  // changes when it is written: size and time
};

bool IsScript(DumpFormat format);

// Reads the beginning and the end of it. Blocks. NOT_FOUND/DUMP_NOT_FOUND; FAILED_PRECONDITION:
// NOT_A_DUMP with what it is instead, DUMP_INCOMPLETE (a script without its end).
Result<DumpFile> ReadDumpFile(const std::string& path);

// The number behind "Dumped from database version", in a script as in what pg_restore lists; 0:
// there is none.
int ReadDumpedMajor(std::string_view text);

}  // namespace prism::branching
