#include "branching/storage/layers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <ranges>
#include <system_error>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/storage/storage.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> Failed(int number, std::string_view action, const std::string& path) {
  return std::unexpected(StoreError(number, fmt::format("{} {}", action, path)));
}

std::string StoreOf(const std::string& volume) {
  return fs::path(volume).parent_path().parent_path().string();
}

std::string PathOf(const std::string& volume, const std::string& layer) {
  return fmt::format("{}/layers/{}", StoreOf(volume), layer);
}

std::string UserPath(const std::string& volume, const std::string& layer, const std::string& user) {
  return fmt::format("{}/users/{}", PathOf(volume, layer), user);
}

// A link is there with all that it says or not at all, also after a power cut, and needs no fsync.
std::string RecordOf(const std::string& volume) { return volume + "/layers"; }

Status Record(const std::string& volume, const Layers& layers) {
  std::string text = layers.own;
  for (const std::string& layer : layers.below) text += ":" + layer;
  const std::string path = RecordOf(volume);
  if (::symlink(text.c_str(), path.c_str()) == 0) return {};
  return Failed(errno, "write", path);
}

// None: the volume does not say.
std::optional<Layers> FindLayers(const std::string& volume) {
  std::error_code failed;
  const std::string text = fs::read_symlink(RecordOf(volume), failed).string();
  Layers layers;
  for (const auto part : std::views::split(text, ':')) {
    std::string layer(part.begin(), part.end());
    if (!Storage::IsVolumeId(layer)) return std::nullopt;
    if (layers.own.empty()) {
      layers.own = std::move(layer);
    } else {
      layers.below.push_back(std::move(layer));
    }
  }
  if (layers.own.empty()) return std::nullopt;
  return layers;
}

Status Use(const std::string& volume, const std::string& layer, const std::string& user) {
  const std::string path = UserPath(volume, layer, user);
  const base::UniqueFd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made) return {};
  return Failed(errno, "make", path);
}

Status MakeLayer(const std::string& volume, const std::string& layer) {
  const std::string all = StoreOf(volume) + "/layers";
  if (::mkdir(all.c_str(), 0700) != 0 && errno != EEXIST) return Failed(errno, "make", all);
  const std::string path = PathOf(volume, layer);
  for (const char* part : {"", "/work", "/empty", "/users"}) TRY(MakeDirectory(path + part));
  return Use(volume, layer, layer);
}

// One at a time: whoever was killed at it has left the rest to the next one.
Status RemoveLayer(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) return Failed(errno, "lock", path);
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) return {};
  return RemoveTree(path);
}

// The volume needs the layer no more. Removing the directory of its users is what tells the last
// one from others that leave, and what keeps new ones from coming.
Status Leave(const std::string& volume, const std::string& layer, const std::string& user) {
  const std::string path = UserPath(volume, layer, user);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(errno, "remove", path);
  const std::string users = fs::path(path).parent_path().string();
  if (::rmdir(users.c_str()) == 0 || errno == ENOENT) return RemoveLayer(PathOf(volume, layer));
  if (errno == ENOTEMPTY || errno == EEXIST) return {};
  return Failed(errno, "remove", users);
}

}  // namespace

std::string LayerPath(const std::string& volume, const std::string& layer, const char* directory) {
  return fmt::format("{}/{}", PathOf(volume, layer), directory);
}

Result<base::UniqueFd> OpenLayer(const std::string& volume, const std::string& layer,
                                 const char* directory) {
  TRY_ASSIGN(const base::UniqueFd store, OpenDirectory(StoreOf(volume)));
  base::UniqueFd fd = OpenBeneath(store.get(), fmt::format("layers/{}/{}", layer, directory),
                                  O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return Failed(errno, "open", LayerPath(volume, layer, directory));
  return fd;
}

Result<Layers> MakeLayeredVolume(const std::string& volume, std::vector<std::string> below) {
  // A forked process has our next ids too.
  Layers layers{.own = fmt::format("{}-{}", ::getpid(), base::LowerCase(base::NewId())),
                .below = std::move(below)};
  TRY(MakeDirectory(volume));
  // Whoever runs in the volume may pass through.
  if (::chmod(volume.c_str(), 0711) != 0) return Failed(errno, "change the rights of", volume);
  TRY(Record(volume, layers));
  TRY(MakeDirectory(volume + "/data"));
  TRY(MakeLayer(volume, layers.own));
  for (const std::string& layer : layers.below) TRY(Use(volume, layer, layers.own));
  return layers;
}

Result<Layers> ReadLayers(const std::string& volume) {
  if (std::optional<Layers> layers = FindLayers(volume)) return *std::move(layers);
  return std::unexpected(Error(Code::kFailedPrecondition, "STORE_LAYERS",
                               fmt::format("{} does not name its layers: it was made or changed by "
                                           "another program. Delete the volume.",
                                           volume)));
}

Status RemoveLayeredVolume(const std::string& volume) {
  if (const std::optional<Layers> layers = FindLayers(volume)) {
    TRY(Leave(volume, layers->own, layers->own));
    for (const std::string& layer : layers->below) TRY(Leave(volume, layer, layers->own));
  }
  return RemoveTree(volume);
}

Result<bool> IsAlone(const std::string& volume, const std::string& layer) {
  const std::string users = PathOf(volume, layer) + "/users";
  std::error_code failed;
  const auto count = std::distance(fs::directory_iterator(users, failed), fs::directory_iterator());
  if (failed) return Failed(failed.value(), "read", users);
  return count == 1;
}

}  // namespace prism::branching::internal
