#include "sqlite/testing/power_loss_vfs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <utility>

namespace prism::sqlite::testing {
namespace {

constexpr std::size_t kSector = 512;

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteWhole(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void ApplyWrite(std::string& content, std::size_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string UniqueName() {
  static std::atomic<int> count = 0;
  return "power-loss-" + std::to_string(count.fetch_add(1));
}

}  // namespace

// What SQLite allocates for an open file; the system's own file follows behind it.
struct PowerLossFile {
  sqlite3_file base;
  PowerLossVfs* vfs;
  std::string* path;  // null: temporary, untracked
  std::uint64_t generation;
  bool syncs_directory;

  static PowerLossFile& Of(sqlite3_file* file) { return *reinterpret_cast<PowerLossFile*>(file); }
  static sqlite3_file* Inner(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(PowerLossFile));
  }
  int Enter(IoCall call) const {
    return path == nullptr ? SQLITE_OK : vfs->Enter(call, *path, generation);
  }

  static int Close(sqlite3_file* file) {
    delete Of(file).path;
    sqlite3_file* inner = Inner(file);
    return inner->pMethods == nullptr ? SQLITE_OK : inner->pMethods->xClose(inner);
  }
  static int Read(sqlite3_file* file, void* buffer, int size, sqlite3_int64 offset) {
    if (const int failure = Of(file).Enter(IoCall::kRead); failure != SQLITE_OK) return failure;
    return Inner(file)->pMethods->xRead(Inner(file), buffer, size, offset);
  }
  static int Write(sqlite3_file* file, const void* buffer, int size, sqlite3_int64 offset);
  static int Truncate(sqlite3_file* file, sqlite3_int64 size);
  static int Sync(sqlite3_file* file, int flags);

  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    return Inner(file)->pMethods->xFileSize(Inner(file), size);
  }
  static int Lock(sqlite3_file* file, int level) {
    return Inner(file)->pMethods->xLock(Inner(file), level);
  }
  static int Unlock(sqlite3_file* file, int level) {
    return Inner(file)->pMethods->xUnlock(Inner(file), level);
  }
  static int CheckReservedLock(sqlite3_file* file, int* out) {
    return Inner(file)->pMethods->xCheckReservedLock(Inner(file), out);
  }
  static int FileControl(sqlite3_file* file, int operation, void* argument) {
    return Inner(file)->pMethods->xFileControl(Inner(file), operation, argument);
  }
  static int SectorSize(sqlite3_file* file) {
    return Inner(file)->pMethods->xSectorSize(Inner(file));
  }
  static int DeviceCharacteristics(sqlite3_file* file) {
    return Inner(file)->pMethods->xDeviceCharacteristics(Inner(file));
  }
  static int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    return Inner(file)->pMethods->xShmMap(Inner(file), region, size, extend, out);
  }
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    return Inner(file)->pMethods->xShmLock(Inner(file), offset, count, flags);
  }
  static void ShmBarrier(sqlite3_file* file) { Inner(file)->pMethods->xShmBarrier(Inner(file)); }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    return Inner(file)->pMethods->xShmUnmap(Inner(file), remove);
  }
};

namespace {

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,  // without memory mapping
    .xClose = PowerLossFile::Close,
    .xRead = PowerLossFile::Read,
    .xWrite = PowerLossFile::Write,
    .xTruncate = PowerLossFile::Truncate,
    .xSync = PowerLossFile::Sync,
    .xFileSize = PowerLossFile::FileSize,
    .xLock = PowerLossFile::Lock,
    .xUnlock = PowerLossFile::Unlock,
    .xCheckReservedLock = PowerLossFile::CheckReservedLock,
    .xFileControl = PowerLossFile::FileControl,
    .xSectorSize = PowerLossFile::SectorSize,
    .xDeviceCharacteristics = PowerLossFile::DeviceCharacteristics,
    .xShmMap = PowerLossFile::ShmMap,
    .xShmLock = PowerLossFile::ShmLock,
    .xShmBarrier = PowerLossFile::ShmBarrier,
    .xShmUnmap = PowerLossFile::ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace

int PowerLossFile::Write(sqlite3_file* file, const void* buffer, int size, sqlite3_int64 offset) {
  const PowerLossFile& self = Of(file);
  if (const int failure = self.Enter(IoCall::kWrite); failure != SQLITE_OK) return failure;
  if (self.path != nullptr) {
    const std::lock_guard lock(self.vfs->mutex_);
    ++self.vfs->writes_;
    self.vfs->ShadowOf(*self.path)
        .changes.push_back(
            {.offset = offset,
             .bytes = std::string(static_cast<const char*>(buffer), static_cast<std::size_t>(size)),
             .truncate_to = {}});
  }
  return Inner(file)->pMethods->xWrite(Inner(file), buffer, size, offset);
}

int PowerLossFile::Truncate(sqlite3_file* file, sqlite3_int64 size) {
  const PowerLossFile& self = Of(file);
  if (const int failure = self.Enter(IoCall::kTruncate); failure != SQLITE_OK) return failure;
  if (self.path != nullptr) {
    const std::lock_guard lock(self.vfs->mutex_);
    self.vfs->ShadowOf(*self.path)
        .changes.push_back({.offset = 0, .bytes = {}, .truncate_to = size});
  }
  return Inner(file)->pMethods->xTruncate(Inner(file), size);
}

int PowerLossFile::Sync(sqlite3_file* file, int /*flags*/) {
  PowerLossFile& self = Of(file);
  if (self.path == nullptr) return SQLITE_OK;
  // What had been written when the sync began is what it makes durable.
  std::size_t begun = 0;
  {
    const std::lock_guard lock(self.vfs->mutex_);
    begun = self.vfs->ShadowOf(*self.path).changes.size();
  }
  if (const int failure = self.Enter(IoCall::kSync); failure != SQLITE_OK) return failure;
  const std::lock_guard lock(self.vfs->mutex_);
  ++self.vfs->syncs_;
  PowerLossVfs::Shadow& shadow = self.vfs->ShadowOf(*self.path);
  for (std::size_t i = 0; i < begun; ++i) {
    const PowerLossVfs::Change& change = shadow.changes[i];
    if (change.truncate_to) {
      shadow.durable.resize(static_cast<std::size_t>(*change.truncate_to));
    } else {
      ApplyWrite(shadow.durable, static_cast<std::size_t>(change.offset), change.bytes);
    }
  }
  shadow.changes.erase(shadow.changes.begin(),
                       shadow.changes.begin() + static_cast<std::ptrdiff_t>(begun));
  if (std::exchange(self.syncs_directory, false)) self.vfs->SyncDirectory(*self.path);
  return SQLITE_OK;
}

PowerLossVfs::PowerLossVfs(std::uint64_t seed)
    : name_(UniqueName()), system_(sqlite3_vfs_find(nullptr)), random_(seed) {
  vfs_ = *system_;  // everything that is not about files is the system's
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.szOsFile = static_cast<int>(sizeof(PowerLossFile)) + system_->szOsFile;
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  sqlite3_vfs_register(&vfs_, 0);
}

PowerLossVfs::~PowerLossVfs() { sqlite3_vfs_unregister(&vfs_); }

void PowerLossVfs::SetFault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault ? std::make_shared<Fault>(std::move(fault)) : nullptr;
}

bool PowerLossVfs::LosePower() {
  const std::lock_guard lock(mutex_);
  return std::exchange(powered_, false);
}

void PowerLossVfs::LosePowerAfter(std::uint64_t calls) {
  const std::lock_guard lock(mutex_);
  calls_left_ = calls;
}

bool PowerLossVfs::powered() const {
  const std::lock_guard lock(mutex_);
  return powered_;
}

std::uint64_t PowerLossVfs::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

std::uint64_t PowerLossVfs::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

int PowerLossVfs::Enter(IoCall call, const std::string& path, std::uint64_t generation) {
  std::shared_ptr<Fault> fault;
  {
    const std::lock_guard lock(mutex_);
    const bool changes = call != IoCall::kOpen && call != IoCall::kRead;
    if (changes && calls_left_ && powered_) {
      if (*calls_left_ == 0) {
        powered_ = false;
        calls_left_.reset();
      } else {
        --*calls_left_;
      }
    }
    if (!powered_ || generation != generation_) return SQLITE_IOERR;
    fault = fault_;
  }
  if (fault == nullptr) return SQLITE_OK;
  const int failure = (*fault)(call, path);
  if (failure != SQLITE_OK) return failure;
  const std::lock_guard lock(mutex_);  // the power may have gone while the fault was blocking
  return powered_ && generation == generation_ ? SQLITE_OK : SQLITE_IOERR;
}

PowerLossVfs::Shadow& PowerLossVfs::ShadowOf(const std::string& path) {
  auto [found, is_new] = shadows_.try_emplace(path);
  Shadow& shadow = found->second;
  if (is_new && access(path.c_str(), F_OK) == 0) {
    // From before this file system took over: safe on disk.
    shadow.exists = shadow.durable_exists = true;
    shadow.durable = ReadWhole(path);
  }
  return shadow;
}

void PowerLossVfs::SyncDirectory(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  for (auto& [other, shadow] : shadows_) {
    if (DirectoryOf(other) != directory) continue;
    shadow.durable_exists = shadow.exists;
    shadow.before.reset();
  }
}

std::string PowerLossVfs::Survive(const Shadow& shadow, double keep, std::uint64_t& lost) {
  std::string content = shadow.durable;
  std::bernoulli_distribution kept(keep);
  for (const Change& change : shadow.changes) {
    if (change.truncate_to) {
      if (kept(random_)) content.resize(static_cast<std::size_t>(*change.truncate_to));
      continue;
    }
    auto offset = static_cast<std::size_t>(change.offset);
    std::string_view left = change.bytes;
    while (!left.empty()) {
      const std::size_t size = std::min(left.size(), kSector - offset % kSector);
      if (kept(random_)) {
        ApplyWrite(content, offset, left.substr(0, size));
      } else {
        ++lost;
      }
      offset += size;
      left.remove_prefix(size);
    }
  }
  return content;
}

std::uint64_t PowerLossVfs::RestorePower() {
  const std::lock_guard lock(mutex_);
  // From "nothing that was not synced" to "nearly all of it".
  const double keep = std::array{0.0, 0.1, 0.5, 0.9, 0.99}[random_() % 5];
  std::uint64_t lost = 0;
  for (auto& [path, shadow] : shadows_) {
    std::bernoulli_distribution kept(keep);
    if (!shadow.exists && shadow.durable_exists && !kept(random_)) {
      WriteWhole(path, shadow.before.value_or(std::string()));  // the removal is lost
    } else if (shadow.exists && (shadow.durable_exists || kept(random_))) {
      WriteWhole(path, Survive(shadow, keep, lost));
    } else {
      unlink(path.c_str());
    }
    unlink((path + "-shm").c_str());  // memory
  }
  shadows_.clear();
  powered_ = true;
  calls_left_.reset();
  ++generation_;
  return lost;
}

int PowerLossVfs::Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                       int* out) {
  auto& self = *static_cast<PowerLossVfs*>(vfs->pAppData);
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(self.mutex_);
    generation = self.generation_;
  }
  std::memset(file, 0, static_cast<std::size_t>(vfs->szOsFile));
  bool is_new = false;
  if (name != nullptr) {
    if (const int failure = self.Enter(IoCall::kOpen, name, generation); failure != SQLITE_OK) {
      return failure;
    }
    const std::lock_guard lock(self.mutex_);
    is_new = !self.ShadowOf(name).exists;
  }
  auto* opened = ::new (static_cast<void*>(file)) PowerLossFile();
  const int native =
      self.system_->xOpen(self.system_, name, PowerLossFile::Inner(file), flags, out);
  if (native != SQLITE_OK) {
    // SQLite closes a file whose opening failed when its methods are set.
    return native;
  }
  opened->vfs = &self;
  opened->generation = generation;
  if (name != nullptr) {
    opened->path = new std::string(name);
    const std::lock_guard lock(self.mutex_);
    self.ShadowOf(name).exists = true;
    constexpr int kSyncsDirectory =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    opened->syncs_directory = is_new && (flags & kSyncsDirectory) != 0;
  }
  opened->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int PowerLossVfs::Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto& self = *static_cast<PowerLossVfs*>(vfs->pAppData);
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(self.mutex_);
    generation = self.generation_;
  }
  if (const int failure = self.Enter(IoCall::kDelete, name, generation); failure != SQLITE_OK) {
    return failure;
  }
  {
    const std::lock_guard lock(self.mutex_);
    Shadow& shadow = self.ShadowOf(name);
    if (shadow.durable_exists && !shadow.before) shadow.before = shadow.durable;
    shadow.exists = false;
    shadow.changes.clear();
    shadow.durable.clear();
    if (sync_directory != 0) self.SyncDirectory(name);
  }
  return self.system_->xDelete(self.system_, name, 0);
}

}  // namespace prism::sqlite::testing
