#include "branching/privileged/helper_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/os_error.h"
#include "branching/privileged/answers.h"
#include "branching/privileged/packet.h"
#include "runtime/spawn.h"

namespace prism::branching {
namespace {

using internal::Packet;

Error Gone() {
  return {Code::kUnavailable, "PRIVILEGED_HELPER_GONE",
          "the privileged helper has ended, and with it what only root may do: restart Prism. "
          "Servers that run go on"};
}

// The next packet of the answer.
Result<HelperClient::Reply> Hear(const base::UniqueFd& socket) {
  TRY_ASSIGN(std::optional<Packet> packet, internal::ReceivePacket(socket.get()));
  if (!packet) return std::unexpected(Gone());
  TRY_ASSIGN(privileged::Answer answer, internal::ReadAnswer(packet->bytes));
  return HelperClient::Reply{.answer = std::move(answer), .fds = std::move(packet->fds)};
}

}  // namespace

Result<std::unique_ptr<HelperClient>> HelperClient::Start(const HelperOptions& options) {
  TRY_ASSIGN(auto ends, internal::MakeSocketPair());
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  // Above 3, as Spawn wants it.
  const base::UniqueFd theirs(::fcntl(ends.second.get(), F_DUPFD_CLOEXEC, 4));
  if (!null || !theirs) {
    return std::unexpected(base::OsError(errno, "PRIVILEGED_SOCKET", "starting the helper"));
  }
  std::vector<std::string> argv = HelperArguments(options);
  argv.insert(argv.begin(), "prism");
  TRY_ASSIGN(runtime::Spawned spawned,
             runtime::Spawn({.program = "/proc/self/exe",
                             .argv = std::move(argv),
                             .environment = {},
                             .working_directory = "/",
                             .standard_fds = {null.get(), null.get(), STDERR_FILENO},
                             .fourth_fd = theirs.get()}));
  return std::make_unique<HelperClient>(std::move(ends.first), std::move(spawned.pidfd));
}

HelperClient::~HelperClient() {
  socket_.reset();
  if (!pidfd_) return;
  // Nobody asks any more, so it has nothing to finish; a file system that does not answer may hold
  // it, and it ends with us anyway.
  constexpr int kPatienceMs = 10'000;
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, kPatienceMs) < 0 && errno == EINTR) {
  }
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
}

Result<HelperClient::Reply> HelperClient::Ask(const privileged::Request& request,
                                              const std::vector<int>& fds,
                                              const TransferWatch& watch) const {
  TRY_ASSIGN(auto ends, internal::MakeSocketPair());
  std::vector<int> given{ends.second.get()};
  given.insert(given.end(), fds.begin(), fds.end());
  Status sent = internal::SendPacket(socket_.get(), request.SerializeAsString(), given);
  if (!running()) return std::unexpected(Gone());
  if (!sent) return std::unexpected(std::move(sent).error());
  ends.second.reset();  // so that its end is the helper's
  while (true) {
    TRY_ASSIGN(Reply reply, Hear(ends.first));
    if (reply.answer.has_failure()) {
      return std::unexpected(internal::ErrorOf(reply.answer.failure()));
    }
    if (!reply.answer.has_progress()) return reply;
    const privileged::Progress& progress = reply.answer.progress();
    if (watch && !watch({.files = progress.files(), .bytes = progress.bytes()})) {
      // Heard as the wish to end; the answer says when that has happened.
      ::shutdown(ends.first.get(), SHUT_WR);
    }
  }
}

bool HelperClient::running() const { return !internal::HungUp(socket_.get()); }

}  // namespace prism::branching
