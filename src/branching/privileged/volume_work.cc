#include "branching/privileged/volume_work.h"

#include <cerrno>

#include "base/os_error.h"
#include "branching/instances/file_rights.h"
#include "branching/privileged/answers.h"

namespace prism::branching::internal {

using privileged::Answer;
using privileged::Request;

namespace {

Result<Answer> DoneWhen(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return Done();
}

}  // namespace

Answer VolumeWork::Do(const Request& request, const TransferWatch& watch) const {
  const Result<Answer> answer = Try(request, watch);
  return answer ? *answer : FailureOf(answer.error());
}

Result<Answer> VolumeWork::Try(const Request& request, const TransferWatch& watch) const {
  if (!TakeFileRights(user_)) {
    return std::unexpected(
        base::OsError(EPERM, "PRIVILEGED_FILE_RIGHTS", "taking the rights of the user"));
  }
  switch (request.work_case()) {
    case Request::kImportTree: {
      const privileged::Import& import = request.import_tree();
      return DoneWhen(driver_->Import(import.from(), PathOf(import.to()),
                                      {.uid = user_.uid, .gid = user_.gid}, watch));
    }
    case Request::kClone:
      return DoneWhen(
          driver_->Clone(PathOf(request.clone().from()), PathOf(request.clone().to()), watch));
    case Request::kFreeze:
      return DoneWhen(driver_->Freeze(PathOf(request.freeze().name())));
    case Request::kDestroy:
      return DoneWhen(driver_->Destroy(PathOf(request.destroy().name())));
    case Request::kMount:
      return DoneWhen(driver_->Mount(PathOf(request.mount().name())));
    case Request::kMeasure: {
      TRY_ASSIGN(const VolumeUsage usage, driver_->Measure(PathOf(request.measure().name())));
      return UsageOf(usage);
    }
    default:
      return std::unexpected(
          Error(Code::kInvalidArgument, "PRIVILEGED_REQUEST", "this is no work of the store"));
  }
}

}  // namespace prism::branching::internal
