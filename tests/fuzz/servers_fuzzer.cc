// What a PostgreSQL server and its programs say of it. The first byte of an input chooses the
// reader, the rest is for it.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "base/testing/temp_directory.h"
#include "branching/instances/cluster_control.h"
#include "branching/instances/server_words.h"

namespace {

using prism::base::testing::TempDirectory;
using namespace prism::branching;  // NOLINT(google-build-using-namespace): one file, one module

void Require(bool holds) {
  if (!holds) std::abort();
}

// What is understood is complete, and is understood as the same when it is printed again.
void CheckControl(std::string_view text) {
  const auto control = ParseClusterControl(text);
  if (!control) {
    Require(control.error().reason() == "CONTROL_FILE_UNREADABLE");
    return Require(control.error().message().size() < 500);
  }
  Require(!control->system_identifier.empty() && !control->checkpoint_lsn.empty());
  Require(control->timeline > 0 && control->max_prepared_transactions >= 0);
  const std::string printed =
      "Database system identifier: " + control->system_identifier +
      "\nDatabase cluster state: " + control->state_text +
      "\nLatest checkpoint location: " + control->checkpoint_lsn +
      "\nLatest checkpoint's TimeLineID: " + std::to_string(control->timeline) +
      "\nmax_prepared_xacts setting: " + std::to_string(control->max_prepared_transactions) +
      "\nData page checksum version: " + (control->checksums ? "1" : "0") + "\n";
  const auto again = ParseClusterControl(printed);
  Require(again && again->state == control->state &&
          again->system_identifier == control->system_identifier &&
          again->checkpoint_lsn == control->checkpoint_lsn &&
          again->timeline == control->timeline && again->checksums == control->checksums);
}

void CheckFiles(std::string_view text) {
  if (const auto number = NumberOfFirstLine(text)) {
    Require(NumberOfFirstLine(std::to_string(*number) + "\nanything") == number);
  }
  static_cast<void>(PidFileSaysReady(text));
  Require(PidFileSaysReady("1\n2\n3\n4\n5\n6\n7\n" + std::string(text)) ==
          text.starts_with("ready"));
  // It says so in a line of its own, whatever is beside it.
  Require(!MessageSaysReady(text) || text.contains("READY=1"));
  Require(MessageSaysReady(std::string(text) + "\nREADY=1\n"));
  Require(MessageSaysReady("READY=1\n" + std::string(text)));
  const TempDirectory directory;
  std::ofstream(directory.File("postmaster.pid"), std::ios::binary) << text;
  Require(ReadServerFile(directory.File("postmaster.pid")) == text.substr(0, 8192));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'c') {
    CheckControl(rest);
  } else {
    CheckFiles(rest);
  }
  return 0;
}
