// Dumps and what their programs print. The first byte of an input chooses the reader, the rest is
// for it.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/testing/temp_directory.h"
#include "base/unique_fd.h"
#include "branching/sources/dump_file.h"
#include "branching/sources/printed_error.h"

namespace {

using namespace prism::branching;  // NOLINT(google-build-using-namespace): one file, one module

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckRead(const prism::Result<DumpFile>& dump, const std::string& path) {
  if (!dump) {
    Require(dump.error().reason() == "NOT_A_DUMP" || dump.error().reason() == "DUMP_INCOMPLETE");
    return Require(dump.error().message().contains(path));
  }
  Require(dump->path == path && !dump->moment.empty() && dump->major >= 0);
  Require(IsScript(dump->format) || dump->major == 0);
}

void CheckFile(std::string_view text) {
  const prism::base::UniqueFd file(::memfd_create("dump", MFD_CLOEXEC));
  Require(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  const auto dump = ReadDumpFile(path);
  CheckRead(dump, path);
  if (!dump || !IsScript(dump->format)) return;
  Require(text.contains("dump complete"));
  Require(dump->major == ReadDumpedMajor(text));
}

// The text is a list of names.
void CheckDirectory(std::string_view text) {
  const prism::base::testing::TempDirectory directory;
  const bool has_contents = text.starts_with("toc.dat\n");
  while (!text.empty()) {
    const std::string_view name = text.substr(0, std::min(text.find('\n'), std::size_t{100}));
    text.remove_prefix(std::min(name.size() + 1, text.size()));
    if (name.contains('/') || name.contains('\0') || name.empty()) continue;
    std::ofstream(directory.File(std::string(name))) << "data";
  }
  const auto dump = ReadDumpFile(directory.path());
  CheckRead(dump, directory.path());
  Require(!has_contents || dump.has_value());
}

void CheckPrinted(std::string_view text) {
  const std::string error = FirstPrintedError(text);
  Require(!error.contains('\n') && error.size() <= 430);
  // Values of the data come in quotes, to the end of the line.
  const std::string_view value = text.substr(0, text.find('\n'));
  Require(FirstPrintedError(fmt::format("ERROR:  wrong value: \"{}\"\nDETAIL: {}", value, text)) ==
          "wrong value");
  Require(ReadDumpedMajor(fmt::format("{}: 15.2", "Dumped from database version")) == 15);
  Require(ReadDumpedMajor(text) >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'f':
      CheckFile(rest);
      break;
    case 'd':
      CheckDirectory(rest);
      break;
    default:
      CheckPrinted(rest);
      break;
  }
  return 0;
}
