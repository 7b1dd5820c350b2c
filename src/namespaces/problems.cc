#include "namespaces/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace prism::namespaces {

void Problems::Add(Mark mark, std::string_view reason, std::string message) {
  if (all_.size() == kMaxKept) {
    ++dropped_;
    return;
  }
  all_.push_back({mark, std::string(reason), std::move(message)});
}

Error Problems::ToError() && {
  std::ranges::sort(all_, [](const Problem& a, const Problem& b) {
    return std::tie(a.mark, a.reason) < std::tie(b.mark, b.reason);
  });
  const bool one = all_.size() == 1 && dropped_ == 0;
  std::string message =
      one ? std::string() : fmt::format("{} has {} problems:", file_, all_.size() + dropped_);
  const auto place = [this](const Problem& problem) {
    return fmt::format("{}:{}:{}", file_, problem.mark.line, problem.mark.column);
  };
  for (const Problem& problem : all_) {
    message += fmt::format("{}{}: {}: {}", one ? "" : "\n  ", place(problem), problem.reason,
                           problem.message);
  }
  if (dropped_ > 0) message += fmt::format("\n  ... and {} more", dropped_);
  Error error(Code::kInvalidArgument, one ? all_.front().reason : "CONFIG_INVALID",
              std::move(message));
  for (const Problem& problem : all_) {
    error = std::move(error).WithField(place(problem),
                                       fmt::format("{}: {}", problem.reason, problem.message));
  }
  return error;
}

}  // namespace prism::namespaces
