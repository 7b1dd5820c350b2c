#include "branching/privileged/answers.h"

#include <algorithm>
#include <cstdint>

namespace prism::branching::internal {
namespace {

using privileged::Answer;
using privileged::Request;

// Of what we ask ourselves: far more than any request has.
constexpr int kMaxWords = 1000;
constexpr std::size_t kMaxName = 255;     // NAME_MAX
constexpr std::uint32_t kMaxCgroups = 2;  // memory and processes, when each has its own

std::unexpected<Error> Malformed(std::string_view what) {
  return std::unexpected(Error(Code::kInvalidArgument, "PRIVILEGED_REQUEST",
                               "the privileged helper does not take " + std::string(what)));
}

bool HasNull(std::string_view text) { return text.contains('\0'); }

// Absolute, and as it is: nothing in it leads up.
bool IsPath(std::string_view path) {
  return path.starts_with('/') && !HasNull(path) && !path.contains("/../") &&
         !path.ends_with("/..");
}

// Of a directory directly in another one.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         !name.contains('/') && !HasNull(name);
}

template <class Words>
bool AreWords(const Words& words) {
  return words.size() <= kMaxWords && std::ranges::none_of(words, HasNull);
}

template <class Paths>
bool ArePaths(const Paths& paths) {
  return paths.size() <= kMaxWords && std::ranges::all_of(paths, IsPath);
}

Status CheckLaunch(const privileged::Launch& launch) {
  if (!IsPath(launch.program())) return Malformed("a program without its path");
  if (launch.argv().empty() || !AreWords(launch.argv())) return Malformed("these arguments");
  if (!AreWords(launch.environment())) return Malformed("this environment");
  if (!ArePaths(launch.writable()) || !ArePaths(launch.read_only())) {
    return Malformed("these paths");
  }
  if (launch.cgroups() > kMaxCgroups) return Malformed("so many cgroups");
  return {};
}

Status CheckName(std::string_view name) {
  return IsName(name) ? Status() : Malformed("this name of a volume");
}

Status CheckWork(const Request& request) {
  switch (request.work_case()) {
    case Request::kWalls:
      return {};
    case Request::kLaunch:
      return CheckLaunch(request.launch());
    case Request::kImportTree:
      if (!IsPath(request.import_tree().from())) return Malformed("this path of a source");
      return CheckName(request.import_tree().to());
    case Request::kClone:
      TRY(CheckName(request.clone().from()));
      return CheckName(request.clone().to());
    case Request::kFreeze:
      return CheckName(request.freeze().name());
    case Request::kDestroy:
      return CheckName(request.destroy().name());
    case Request::kMount:
      return CheckName(request.mount().name());
    case Request::kMeasure:
      return CheckName(request.measure().name());
    case Request::WORK_NOT_SET:
      break;
  }
  return Malformed("a request without work");
}

}  // namespace

Result<Request> ReadRequest(std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("what is no request");
  }
  TRY(CheckWork(request));
  return request;
}

Result<Answer> ReadAnswer(std::string_view bytes) {
  Answer answer;
  if (answer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
      answer.answer_case() != Answer::ANSWER_NOT_SET) {
    return answer;
  }
  return std::unexpected(Error(Code::kInternal, "PRIVILEGED_ANSWER",
                               "the privileged helper said what is no answer: restart Prism"));
}

Answer Done() {
  Answer answer;
  answer.mutable_done();
  return answer;
}

Answer FailureOf(const Error& error) {
  Answer answer;
  privileged::Failure& failure = *answer.mutable_failure();
  failure.set_code(static_cast<int>(error.code()));
  failure.set_reason(std::string(error.reason()));
  failure.set_message(error.message());
  for (const auto& [key, value] : error.metadata()) {
    auto& pair = *failure.add_metadata();
    pair.set_key(key);
    pair.set_value(value);
  }
  return answer;
}

Answer ProgressOf(const TransferProgress& progress) {
  Answer answer;
  answer.mutable_progress()->set_files(progress.files);
  answer.mutable_progress()->set_bytes(progress.bytes);
  return answer;
}

Answer UsageOf(const VolumeUsage& usage) {
  Answer answer;
  answer.mutable_usage()->set_own_bytes(usage.own_bytes);
  answer.mutable_usage()->set_shared_bytes(usage.shared_bytes);
  return answer;
}

Answer WallsOf(const Isolation& isolation) {
  Answer answer;
  privileged::FoundWalls& walls = *answer.mutable_walls();
  walls.set_files(isolation.files);
  walls.set_network(isolation.network);
  walls.set_processes(isolation.processes);
  for (const std::string& missing : isolation.missing) walls.add_missing(missing);
  return answer;
}

Error ErrorOf(const privileged::Failure& failure) {
  const bool known =
      failure.code() > 0 && failure.code() <= static_cast<int>(Code::kUnauthenticated);
  Error error(known ? static_cast<Code>(failure.code()) : Code::kInternal, failure.reason(),
              failure.message());
  for (const auto& pair : failure.metadata()) {
    error = std::move(error).With(pair.key(), pair.value());
  }
  return error;
}

Isolation IsolationOf(const privileged::FoundWalls& walls) {
  return {.files = walls.files(),
          .network = walls.network(),
          .processes = walls.processes(),
          .missing = {walls.missing().begin(), walls.missing().end()}};
}

}  // namespace prism::branching::internal
