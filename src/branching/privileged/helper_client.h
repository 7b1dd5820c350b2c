// The helper as the unprivileged process sees it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/privileged/helper.h"
#include "branching/privileged/helper.pb.h"
#include "branching/storage/driver.h"

namespace prism::branching {

// Life cycle: Start, as root and before the user is changed; destroyed last of all that asks it.
// Thread rule: any thread, any number of calls at once; they block.
class HelperClient {
 public:
  struct Reply {
    privileged::Answer answer;
    std::vector<base::UniqueFd> fds;
  };

  // Starts this program again as the helper, which ends with this thread. SUBPROCESS_START,
  // PRIVILEGED_SOCKET.
  static Result<std::unique_ptr<HelperClient>> Start(const HelperOptions& options);
  // Of one that was started otherwise; `pidfd` may be none.
  HelperClient(base::UniqueFd socket, base::UniqueFd pidfd)
      : socket_(std::move(socket)), pidfd_(std::move(pidfd)) {}
  HelperClient(const HelperClient&) = delete;
  HelperClient& operator=(const HelperClient&) = delete;
  // Ends it, and waits for that.
  ~HelperClient();

  // Waits for the answer, which is no failure. Errors of the work, and
  // UNAVAILABLE/PRIVILEGED_HELPER_GONE.
  Result<Reply> Ask(const privileged::Request& request, const std::vector<int>& fds = {},
                    const TransferWatch& watch = {}) const;
  bool running() const;

 private:
  base::UniqueFd socket_;
  const base::UniqueFd pidfd_;
};

}  // namespace prism::branching
