// Other programs as children of the process: started, fed, read, waited for and ended on a shard.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "runtime/cancel.h"
#include "runtime/task.h"
#include "runtime/wait.h"

namespace prism::runtime {

class Shard;
class Spawner;

// What a standard stream of the child is connected to.
struct ToNull {};     // /dev/null
struct ToInherit {};  // ours
struct ToPipe {};     // stdin: SubprocessOptions::input; stdout, stderr: collected
struct ToFile {       // opened by us: for reading (stdin), or created and appended to
  std::string path;
};
using Redirect = std::variant<ToNull, ToInherit, ToPipe, ToFile>;

struct SubprocessOptions {
  // argv[0] is a path, or a name that is looked up in our PATH.
  std::vector<std::string> argv = {};
  // Added to our environment, or in its place.
  std::vector<std::pair<std::string, std::string>> environment = {};
  bool inherit_environment = true;
  // Empty: ours.
  std::string working_directory = {};

  Redirect standard_input = ToNull{};
  Redirect standard_output = ToPipe{};
  Redirect standard_error = ToPipe{};
  // Written to standard input when that is a pipe, which is closed then.
  std::string input = {};
  // Bytes kept of each collected stream, the first ones. What exceeds it is read and dropped, so
  // that the child is never held up by us.
  std::size_t max_output = std::size_t{1} << 20;

  // Who starts it (spawn.h); nullptr: we do. Used by Start alone.
  const Spawner* spawner = nullptr;
};

// How a process ended.
struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that ended it
  bool ok() const { return code == 0 && signal == 0; }
  // "exit code 3", "signal 9 (KILL)"
  std::string ToString() const;
};

// A running or ended child. It leads a process group of its own, which gets the signals, and the
// kernel kills it (the child alone, not its children) when the shard's thread ends.
//
// Life cycle: Start, then Wait or Terminate until the process has ended, then destroy. Destroying a
// running one kills its group and blocks until it is gone: for error paths only. Belongs to the
// shard that it was started on; everything is called there.
class Subprocess {
 public:
  // Errors: NOT_FOUND/PROGRAM_NOT_FOUND, SUBPROCESS_START with what the system refused (the
  // working directory, a redirection, execution, a missing resource).
  static Result<std::unique_ptr<Subprocess>> Start(const SubprocessOptions& options);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  pid_t pid() const;
  bool running() const;

  // Completes when the process has ended and what it left in its pipes has been read. Output that
  // its own children write later is lost. DEADLINE_EXCEEDED/SUBPROCESS_DEADLINE and
  // CANCELLED/CANCELLED leave it running. Any number of waiters.
  Task<Result<ExitStatus>> Wait(MonoNanos deadline, CancelSource* cancel);

  // To all of the group. Nothing happens when the process has ended.
  Status Signal(int number);

  // SIGTERM to the group, and SIGKILL when the process still runs after `grace` (nanoseconds); at
  // the end of the process whatever is left of its group is killed. INTERNAL/SUBPROCESS_STUCK when
  // even SIGKILL had no effect for 10 s (the kernel waits for a device).
  Task<Result<ExitStatus>> Terminate(MonoNanos grace);

  // What was collected until now.
  const std::string& standard_output() const;
  const std::string& standard_error() const;
  // True when more came than max_output.
  bool output_truncated() const;

 private:
  class Process;
  explicit Subprocess(std::unique_ptr<Process> process);
  std::unique_ptr<Process> process_;
};

struct ProgramResult {
  ExitStatus status;
  std::string standard_output;
  std::string standard_error;
  bool output_truncated = false;
};

// Start, Wait, and Terminate with 2 s of grace when deadline or cancellation come first (then their
// error is the result). A program that ends with an error is a result, not an error.
Task<Result<ProgramResult>> RunProgram(SubprocessOptions options, MonoNanos deadline,
                                       CancelSource* cancel);

}  // namespace prism::runtime
