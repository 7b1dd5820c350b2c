#include "branching/privileged/helper.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/os_error.h"
#include "branching/instances/launcher.h"
#include "branching/privileged/answers.h"
#include "branching/privileged/capabilities.h"
#include "branching/privileged/launch_work.h"
#include "branching/privileged/packet.h"
#include "branching/privileged/volume_work.h"
#include "branching/storage/probe.h"
#include "runtime/blocking_pool.h"

namespace prism::branching {
namespace {

using internal::Packet;
using privileged::Answer;
using privileged::Request;

// Work in the store may take minutes, and holds up no start of a server.
constexpr int kStoreThreads = 8;
constexpr int kLaunchThreads = 4;
constexpr std::size_t kQueue = 4096;
constexpr int kSocket = 3;
// No verb for people: the program's help has none of it.
constexpr const char* kVerb = "privileged-helper";

// Building walls, and removing subvolumes; becoming the user.
constexpr auto kCapabilities =
    std::to_array({CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID});
// What overlayfs and the program `zfs` need besides.
constexpr auto kMountingCapabilities =
    std::to_array({CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID, CAP_CHOWN,
                   CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_MKNOD});

// Nobody may be left to hear it.
void Say(const base::UniqueFd& reply, const Answer& answer, const std::vector<int>& fds = {}) {
  static_cast<void>(internal::SendPacket(reply.get(), answer.SerializeAsString(), fds));
}

class Helper {
 public:
  Helper(std::unique_ptr<StorageDriver> driver, const HelperOptions& options)
      : launcher_(options.user, ProbeIsolation(options.user), /*for_our_parent=*/true),
        work_(std::move(driver), options.store + "/volumes", options.user) {}

  Status Serve(const base::UniqueFd& socket) {
    while (true) {
      TRY_ASSIGN(std::optional<Packet> packet, internal::ReceivePacket(socket.get()));
      if (!packet) return {};
      TRY(Take(*std::move(packet)));
    }
  }

 private:
  // An error: the other end is no Prism.
  Status Take(Packet packet) {
    if (packet.fds.empty()) return Refuse({}, "a request without a place for the answer");
    auto reply = std::make_shared<base::UniqueFd>(std::move(packet.fds.front()));
    packet.fds.erase(packet.fds.begin());
    Result<Request> request = internal::ReadRequest(packet.bytes);
    if (!request) {
      Say(*reply, internal::FailureOf(request.error()));
      return std::unexpected(std::move(request).error());
    }
    const std::size_t fds =
        request->has_launch() ? internal::DescriptorsOf(request->launch()) : std::size_t{0};
    if (packet.fds.size() != fds) return Refuse(*reply, "a request with other descriptors");
    const Status submitted = Submit(*std::move(request), std::move(packet.fds), reply);
    if (!submitted) Say(*reply, internal::FailureOf(submitted.error()));
    return {};
  }

  static Status Refuse(const base::UniqueFd& reply, std::string_view what) {
    Error error(Code::kInvalidArgument, "PRIVILEGED_REQUEST",
                fmt::format("the privileged helper does not take {}", what));
    if (reply) Say(reply, internal::FailureOf(error));
    return std::unexpected(std::move(error));
  }

  Status Submit(Request request, std::vector<base::UniqueFd> fds,
                std::shared_ptr<base::UniqueFd> reply) {
    if (request.has_walls()) {
      Say(*reply, internal::WallsOf(launcher_.isolation()));
      return {};
    }
    if (request.has_launch()) {
      return launches_.Submit(
          [this, request = std::move(request), fds = std::move(fds), reply = std::move(reply)] {
            Launch(request.launch(), fds, *reply);
          });
    }
    return storing_.Submit([this, request = std::move(request), reply = std::move(reply)] {
      const auto watch = [&reply](const TransferProgress& progress) {
        Say(*reply, internal::ProgressOf(progress));
        return !internal::HungUp(reply->get());
      };
      Say(*reply, work_.Do(request, watch));
    });
  }

  void Launch(const privileged::Launch& launch, const std::vector<base::UniqueFd>& fds,
              const base::UniqueFd& reply) const {
    const Result<runtime::Spawned> spawned = internal::LaunchFor(launch, fds, launcher_);
    if (!spawned) return Say(reply, internal::FailureOf(spawned.error()));
    Answer answer;
    answer.mutable_launched()->set_pid(spawned->pid);
    Say(reply, answer, {spawned->pidfd.get()});
  }

  const OwnLauncher launcher_;
  const internal::VolumeWork work_;
  runtime::BlockingPool storing_{kStoreThreads, kQueue};
  runtime::BlockingPool launches_{kLaunchThreads, kQueue};
};

Status Confine(const HelperOptions& options) {
  // It ends when Prism has ended, whatever is said to all processes of a service.
  for (const int ignored : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) ::signal(ignored, SIG_IGN);
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::chdir("/") != 0) {
    return std::unexpected(
        base::OsError(errno, "PRIVILEGED_CAPABILITIES", "confining the privileged helper"));
  }
  ::umask(022);
  const bool mounts = options.driver == "overlay" || options.driver == "zfs";
  if (mounts) return internal::KeepCapabilities(kMountingCapabilities);
  return internal::KeepCapabilities(kCapabilities);
}

template <class Number>
bool Parse(std::string_view text, Number* number) {
  const char* const end = text.data() + text.size();
  return std::from_chars(text.data(), end, *number).ptr == end && !text.empty();
}

}  // namespace

Status RunHelper(base::UniqueFd socket, const HelperOptions& options) {
  if (::geteuid() != 0 || options.user.uid == 0 || options.user.gid == 0) {
    return std::unexpected(Error(Code::kInvalidArgument, "PRIVILEGED_USER",
                                 "the privileged helper is root, and works for somebody else"));
  }
  TRY_ASSIGN(std::unique_ptr<StorageDriver> driver, MakeDriver(options.driver, nullptr));
  TRY(Confine(options));
  Helper helper(std::move(driver), options);
  return helper.Serve(socket);
}

std::vector<std::string> HelperArguments(const HelperOptions& options) {
  return {kVerb, fmt::to_string(options.user.uid), fmt::to_string(options.user.gid), options.driver,
          options.store};
}

std::optional<int> BeHelper(int argc, char** argv) {
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  if (words.size() < 2 || std::string_view(words[1]) != kVerb) return std::nullopt;
  HelperOptions options;
  if (words.size() != 6 || !Parse(words[2], &options.user.uid) ||
      !Parse(words[3], &options.user.gid)) {
    fmt::print(stderr, "prism {} is started by `prism serve` alone\n", kVerb);
    return 2;
  }
  options.driver = words[4];
  options.store = words[5];
  const Status served = RunHelper(base::UniqueFd(kSocket), options);
  if (served) return 0;
  fmt::print(stderr, "privileged helper: {}\n", served.error().ToString());
  return 1;
}

}  // namespace prism::branching
