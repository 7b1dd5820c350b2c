#include "cli/operation_wait.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "cli/output.h"
#include "cli/progress.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between two looks at how far it is.
constexpr milliseconds kLook{500};

// While it lives Ctrl-C says that the operation goes on, and then ends the program as ever.
class InterruptNote {
 public:
  explicit InterruptNote(const std::string& operation) {
    text = "\n" + GoesOn(operation) + "\n";
    struct sigaction action = {};
    action.sa_handler = Tell;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    ::sigaction(SIGINT, &action, &before_);
  }
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;
  ~InterruptNote() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  static void Tell(int signal) {
    static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()));
    static_cast<void>(::raise(signal));  // as if it had not been caught
  }

  static inline std::string text;  // made before a signal may come
  struct sigaction before_ = {};
};

std::string ProgressText(const pb::Operation& operation, steady_clock::duration waited) {
  if (!operation.progress().empty()) return Printable(operation.progress());
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(waited).count());
}

Result<std::string> ResultOf(const pb::Operation& operation) {
  if (operation.error().empty()) return operation.result();
  return std::unexpected(ErrorOf(operation.error()));
}

}  // namespace

std::string GoesOn(const std::string& operation) {
  return fmt::format("operation {0} goes on: prism operation get {0}", Printable(operation));
}

Error ErrorOf(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::size_t colon = text.find(": ", slash);
  if (slash != text.npos && colon != text.npos) {
    for (std::uint8_t number = 1; number <= 16; ++number) {
      const Code code{number};
      if (CodeName(code) != std::string_view(text).substr(0, slash)) continue;
      return {code, text.substr(slash + 1, colon - slash - 1), text.substr(colon + 2)};
    }
  }
  return {Code::kUnknown, "OPERATION_FAILED", text};
}

Result<pb::Operation> AwaitEnd(Shell& shell, pb::Operation operation) {
  const InterruptNote note(operation.name());
  const auto begin = steady_clock::now();
  // Well within the deadline of the call.
  milliseconds wait = shell.call_timeout() / 3;
  if (IsTerminal(stderr)) wait = std::min(wait, kLook);
  Progress progress(
      fmt::format("{} {}:", Printable(operation.kind()), Printable(operation.object())), 0);
  while (!operation.done()) {
    const auto waited = steady_clock::now() - begin;
    if (shell.options.timeout && waited >= *shell.options.timeout) {
      return std::unexpected(
          Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", GoesOn(operation.name())));
    }
    progress.Update(ProgressText(operation, waited));
    pb::GetOperationRequest request;
    request.set_name(operation.name());
    *request.mutable_wait() =
        google::protobuf::util::TimeUtil::MillisecondsToDuration(wait.count());
    TRY(shell.AdminCall(AdminPath("OperationAdmin/Get"), request, operation));
  }
  return operation;
}

Result<std::optional<std::string>> AwaitWork(Shell& shell, const ChangeOptions& options,
                                             const std::string& operation,
                                             const google::protobuf::Message& begun) {
  if (options.no_wait) {
    if (!shell.Print(begun)) WriteLine(GoesOn(operation));
    return std::nullopt;
  }
  pb::GetOperationRequest request;
  request.set_name(operation);
  pb::Operation now;
  TRY(shell.AdminCall(AdminPath("OperationAdmin/Get"), request, now));
  TRY_ASSIGN(const pb::Operation ended, AwaitEnd(shell, std::move(now)));
  TRY_ASSIGN(std::string made, ResultOf(ended));
  return made;
}

}  // namespace prism::cli
