// What a process that is not root says to its privileged helper, and what that answers: whatever is
// taken names volumes and absolute paths alone, and an answer means the same when it is passed on.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "branching/privileged/answers.h"

namespace {

namespace internal = prism::branching::internal;
namespace privileged = prism::branching::privileged;
using privileged::Answer;
using privileged::Request;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireName(std::string_view name) {
  Require(!name.empty() && name.size() <= 255 && name.find('/') == name.npos &&
          name.find('\0') == name.npos && name != "." && name != "..");
}

void RequirePath(std::string_view path) {
  Require(path.starts_with('/') && path.find("/../") == path.npos && !path.ends_with("/..") &&
          path.find('\0') == path.npos);
}

void RequireLaunch(const privileged::Launch& launch) {
  RequirePath(launch.program());
  Require(launch.argv_size() >= 1 && launch.argv_size() <= 1000);
  Require(launch.cgroups() <= 2);
  for (const std::string& path : launch.writable()) RequirePath(path);
  for (const std::string& path : launch.read_only()) RequirePath(path);
}

void CheckRequest(std::string_view bytes) {
  const auto request = internal::ReadRequest(bytes);
  if (!request) return Require(request.error().reason() == "PRIVILEGED_REQUEST");
  switch (request->work_case()) {
    case Request::kWalls:
      return;
    case Request::kLaunch:
      return RequireLaunch(request->launch());
    case Request::kImportTree:
      RequirePath(request->import_tree().from());
      return RequireName(request->import_tree().to());
    case Request::kClone:
      RequireName(request->clone().from());
      return RequireName(request->clone().to());
    case Request::kFreeze:
      return RequireName(request->freeze().name());
    case Request::kDestroy:
      return RequireName(request->destroy().name());
    case Request::kMount:
      return RequireName(request->mount().name());
    case Request::kMeasure:
      return RequireName(request->measure().name());
    case Request::WORK_NOT_SET:
      return Require(false);
  }
}

void CheckFailure(const privileged::Failure& failure) {
  const prism::Error error = internal::ErrorOf(failure);
  Require(error.code() != prism::Code::kOk);
  const Answer again = internal::FailureOf(error);
  Require(internal::ErrorOf(again.failure()).ToString() == error.ToString());
}

void CheckAnswer(std::string_view bytes) {
  const auto answer = internal::ReadAnswer(bytes);
  if (!answer) return Require(answer.error().reason() == "PRIVILEGED_ANSWER");
  if (answer->has_failure()) CheckFailure(answer->failure());
  if (answer->has_walls()) {
    const prism::branching::Isolation walls = internal::IsolationOf(answer->walls());
    Require(internal::WallsOf(walls).SerializeAsString() ==
            internal::WallsOf(internal::IsolationOf(internal::WallsOf(walls).walls()))
                .SerializeAsString());
  }
  if (answer->has_usage()) {
    const Answer again = internal::UsageOf(
        {.own_bytes = answer->usage().own_bytes(), .shared_bytes = answer->usage().shared_bytes()});
    Require(again.usage().own_bytes() == answer->usage().own_bytes());
  }
  if (answer->has_progress()) {
    const Answer again = internal::ProgressOf(
        {.files = answer->progress().files(), .bytes = answer->progress().bytes()});
    Require(again.progress().bytes() == answer->progress().bytes());
  }
  if (answer->has_done()) Require(internal::Done().has_done());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckRequest(bytes);
  CheckAnswer(bytes);
  return 0;
}
