// The cgroups of one server: what it may take of the machine at most.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching {

// Its directories, one in each hierarchy that limits something; none: nothing is limited. A value;
// what it does blocks shortly, as files of the kernel do.
class Cgroup {
 public:
  Cgroup() = default;
  explicit Cgroup(std::vector<std::string> directories) : directories_(std::move(directories)) {}

  const std::vector<std::string>& directories() const { return directories_; }
  // Files: a process of one thread that writes "0" to each of them is limited from then on, with
  // all that it starts.
  std::vector<std::string> MemberFiles() const;
  // The same, to be written to, close-on-exec. What counts is who opens them: see cgroups(7).
  // CGROUP_FILES.
  Result<std::vector<base::UniqueFd>> OpenMembers() const;
  // The kernel has killed a process in it that wanted more memory than there may be.
  bool RanOutOfMemory() const;
  // When nothing runs in it any more. What is gone already is fine. CGROUP_FILES.
  Status Remove() const;

 private:
  std::vector<std::string> directories_;
};

}  // namespace prism::branching
