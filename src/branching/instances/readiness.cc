#include "branching/instances/readiness.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/os_error.h"
#include "branching/instances/server_words.h"

namespace prism::branching {
namespace {

constexpr std::size_t kBufferSize = 8192;

std::unexpected<Error> FileError(std::string_view what) {
  return std::unexpected(base::OsError(errno, "INSTANCE_FILES", what));
}

Result<base::UniqueFd> BindNotify(const std::string& path, InstanceUser user) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::ranges::copy(path, std::begin(address.sun_path));  // RunDirectory has bounded it
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FileError("removing " + path);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chown(path.c_str(), user.uid, user.gid) != 0) {
    return FileError("listening on " + path);
  }
  return fd;
}

}  // namespace

Result<Readiness> Readiness::Prepare(const RunDirectory& directory, const InstanceSpec& spec,
                                     InstanceUser user) {
  Readiness readiness;
  readiness.notifies_ = spec.binaries.notifies;
  if (readiness.notifies_) {
    readiness.path_ = directory.notify_socket();
    TRY_ASSIGN(readiness.fd_, BindNotify(readiness.path_, user));
    return readiness;
  }
  readiness.path_ = spec.data_directory + "/postmaster.pid";
  readiness.fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!readiness.fd_ || ::inotify_add_watch(readiness.fd_.get(), spec.data_directory.c_str(),
                                            IN_CLOSE_WRITE | IN_ONLYDIR) < 0) {
    return FileError("watching " + spec.data_directory);
  }
  return readiness;
}

ReadinessWatch::ReadinessWatch(Readiness readiness, runtime::Event* event,
                               runtime::BlockingPool* pool)
    : readiness_(std::move(readiness)),
      event_(event),
      pool_(pool),
      shard_(*runtime::Shard::Current()) {}

ReadinessWatch::~ReadinessWatch() {
  shard_.Unwatch(readiness_.fd_.get(), *this);
  if (readiness_.notifies_) {
    ::unlink(readiness_.path_.c_str());
    return;
  }
  // The kernel takes some 20 ms to close it. When the pool is full it is closed here after all.
  const Status submitted = pool_->Submit([fd = std::move(readiness_.fd_)] {});
  static_cast<void>(submitted);
}

Status ReadinessWatch::Watch() { return shard_.Watch(readiness_.fd_.get(), EPOLLIN, *this); }

void ReadinessWatch::OnReady(std::uint32_t) {
  ready_ = ready_ || (readiness_.notifies_ ? Notified() : Changed());
  if (ready_) event_->Set();
}

bool ReadinessWatch::Notified() {
  std::array<char, kBufferSize> buffer;
  const ssize_t got = ::recv(readiness_.fd_.get(), buffer.data(), buffer.size(), 0);
  return got > 0 && MessageSaysReady({buffer.data(), static_cast<std::size_t>(got)});
}

bool ReadinessWatch::Changed() {
  std::array<char, kBufferSize> events;  // their contents do not matter: something was written
  while (::read(readiness_.fd_.get(), events.data(), events.size()) > 0) {
  }
  const std::optional<std::string> text = ReadServerFile(readiness_.path_);
  return text && PidFileSaysReady(*text);
}

}  // namespace prism::branching
