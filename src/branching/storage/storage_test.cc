#include "branching/storage/storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/storage_kinds.h"

namespace prism::branching {
namespace {

using ::testing::AllOf;
using testing::Describe;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using testing::MakeSampleTree;
using testing::ReadFile;
using testing::WriteFile;

namespace fs = std::filesystem;

class StorageSuite : public testing::StorageTest {};

INSTANTIATE_TEST_SUITE_P(Drivers, StorageSuite, testing::AllStorageKinds(),
                         [](const auto& kind) { return kind.param.name; });

std::string ReasonOf(const Status& status) {
  return status ? "OK" : std::string(status.error().reason());
}

std::size_t EntriesOf(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// What a tree is when it is a volume of `owner`.
std::map<std::string, std::string> AsVolume(const std::string& path, const VolumeOwner& owner) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    EXPECT_EQ(::lchown(entry.path().c_str(), owner.uid, owner.gid), 0);
  }
  EXPECT_EQ(::lchown(path.c_str(), owner.uid, owner.gid), 0);
  EXPECT_EQ(::chmod(path.c_str(), 0750), 0);
  auto entries = Describe(path);
  entries.erase(".s.PGSQL.5432");
  return entries;
}

TEST_P(StorageSuite, ImportsAndClonesWholeTrees) {
  MakeSampleTree(Source());
  const auto storage = Open();
  const Status imported = storage->Import(Source(), "base");
  ASSERT_TRUE(imported) << imported.error().ToString();
  const Status cloned = storage->Clone("base", "b1");
  ASSERT_TRUE(cloned) << cloned.error().ToString();

  const auto wanted = AsVolume(Source(), kOwner);
  ::chmod(storage->Path("base")->c_str(), 0750);
  ::chmod(storage->Path("b1")->c_str(), 0750);
  EXPECT_EQ(Describe(*storage->Path("base")), wanted);
  EXPECT_EQ(Describe(*storage->Path("b1")), wanted);
  EXPECT_THAT(*storage->List(), ElementsAre("b1", "base"));

  struct stat sparse = {};
  ASSERT_EQ(::stat((*storage->Path("base") + "/sparse").c_str(), &sparse), 0);
  EXPECT_LT(sparse.st_blocks * 512, 1 << 20);
}

TEST_P(StorageSuite, MakesEmptyVolumes) {
  const auto storage = Open();
  const Status made = storage->Create("empty");
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(ReasonOf(storage->Create("empty")), "VOLUME_EXISTS");
  EXPECT_EQ(ReasonOf(storage->Create("../out")), "VOLUME_ID");
  const std::string path = *storage->Path("empty");
  EXPECT_TRUE(fs::is_empty(path));
  struct stat volume = {};
  ASSERT_EQ(::stat(path.c_str(), &volume), 0);
  EXPECT_EQ(volume.st_uid, kOwner.uid);
  EXPECT_EQ(volume.st_mode & 0007, 0U);
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 1U);

  WriteFile(path + "/PG_VERSION", "15\n");
  ASSERT_TRUE(storage->Freeze("empty"));
  ASSERT_TRUE(storage->Clone("empty", "b1"));
  EXPECT_EQ(ReadFile(*storage->Path("b1") + "/PG_VERSION"), "15\n");
}

TEST_P(StorageSuite, NobodyElseLooksIntoVolumes) {
  MakeSampleTree(Source());
  ASSERT_EQ(::chmod(Source().c_str(), 0777), 0);
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  struct stat volumes = {};
  struct stat volume = {};
  ASSERT_EQ(::stat((StorePath() + "/volumes").c_str(), &volumes), 0);
  ASSERT_EQ(::stat(storage->Path("base")->c_str(), &volume), 0);
  EXPECT_EQ(volumes.st_mode & 0777, 0700U);
  EXPECT_EQ(volumes.st_uid, kOwner.uid);
  EXPECT_EQ(volume.st_mode & 0007, 0U);
}

TEST_P(StorageSuite, WritesStayInTheVolume) {
  WriteFile(Source() + "/data", std::string(1 << 20, 'x'));
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  ASSERT_TRUE(storage->Clone("base", "b1"));
  ASSERT_TRUE(storage->Clone("b1", "b2"));
  const std::string first = *storage->Path("b1") + "/data";

  const int fd = ::open(first.c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::pwrite(fd, "written", 7, 8192), 7);
  void* const map = ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(map, MAP_FAILED);
  static_cast<char*>(map)[500'000] = 'm';
  ASSERT_EQ(::msync(map, 1 << 20, MS_SYNC), 0);
  ::munmap(map, 1 << 20);
  ::close(fd);
  WriteFile(*storage->Path("b2") + "/new", "n");

  EXPECT_EQ(ReadFile(first).substr(8192, 7), "written");
  for (const char* other : {"base", "b2"}) {
    EXPECT_EQ(ReadFile(*storage->Path(other) + "/data"), std::string(1 << 20, 'x')) << other;
  }
  EXPECT_EQ(ReadFile(Source() + "/data"), std::string(1 << 20, 'x'));
  EXPECT_FALSE(fs::exists(*storage->Path("b1") + "/new"));
}

TEST_P(StorageSuite, ClonesOfFrozenVolumesAreWritable) {
  MakeSampleTree(Source());
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  ASSERT_TRUE(storage->Freeze("base"));
  ASSERT_TRUE(storage->Freeze("base"));
  const int refused = ::open((*storage->Path("base") + "/new").c_str(), O_WRONLY | O_CREAT, 0600);
  EXPECT_EQ(refused < 0 && errno == EROFS, storage->traits().enforces_frozen);
  if (refused >= 0) ::close(refused);

  ASSERT_TRUE(storage->Clone("base", "b1"));
  WriteFile(*storage->Path("b1") + "/PG_VERSION", "16\n");
  EXPECT_EQ(ReadFile(*storage->Path("base") + "/PG_VERSION"), "15\n");
  EXPECT_EQ(ReasonOf(storage->Delete("base")), "OK");
  EXPECT_THAT(*storage->List(), ElementsAre("b1"));
}

TEST_P(StorageSuite, ClonesOfClonesOutliveThem) {
  MakeSampleTree(Source());
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "v0"));
  ASSERT_TRUE(storage->Freeze("v0"));
  constexpr int kGenerations = 12;
  for (int i = 1; i <= kGenerations; ++i) {
    const std::string from = fmt::format("v{}", i - 1);
    const std::string to = fmt::format("v{}", i);
    ASSERT_TRUE(storage->Clone(from, to));
    const std::string path = *storage->Path(to);
    WriteFile(fmt::format("{}/base/0/{}", path, 3 * i), "changed in " + to);
    ASSERT_TRUE(fs::remove(fmt::format("{}/base/1/{}", path, 3 * i + 1)));
    fs::rename(fmt::format("{}/base/{}", path, i == 1 ? "2" : "renamed " + from),
               fmt::format("{}/base/renamed {}", path, to));
    const auto before = Describe(path);
    const Status frozen = storage->Freeze(to);
    ASSERT_TRUE(frozen) << frozen.error().ToString();
    EXPECT_EQ(Describe(path), before) << to;
    ASSERT_TRUE(storage->Delete(from));
  }
  const std::string last = *storage->Path(fmt::format("v{}", kGenerations));
  EXPECT_THAT(*storage->List(), ElementsAre(fmt::format("v{}", kGenerations)));
  EXPECT_EQ(ReadFile(last + "/base/0/3"), "changed in v1");
  EXPECT_EQ(ReadFile(fmt::format("{}/base/renamed v{}/2", last, kGenerations)),
            ReadFile(Source() + "/base/2/2"));
  EXPECT_FALSE(fs::exists(last + "/base/1/4"));
  EXPECT_EQ(ReasonOf(storage->Delete(fmt::format("v{}", kGenerations))), "OK");
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 0U);
}

// As after a restart of the machine.
// Somebody writes numbers to files in turn: of one moment no file is more than one ahead of any.
TEST_P(StorageSuite, ACloneOfAVolumeInUseIsOfOneMoment) {
  constexpr int kFiles = 40;
  fs::create_directory(Source());
  const auto name = [](const std::string& in, int i) { return fmt::format("{}/{}", in, i); };
  for (int i = 0; i < kFiles; ++i) WriteFile(name(Source(), i), "0");
  const auto storage = Open();
  if (!storage->traits().quick_over_still_source) return;  // nobody may ask for it
  ASSERT_TRUE(storage->Import(Source(), "base"));
  const std::string base = *storage->Path("base");
  std::mutex writing;
  std::atomic<bool> done = false;
  std::atomic<int> round = 0;
  std::thread writer([&] {
    while (!done) {
      ++round;
      for (int i = 0; i < kFiles && !done; ++i) {
        const std::lock_guard lock(writing);
        WriteFile(name(base, i), std::to_string(round));
      }
    }
  });
  const StillSource still = [&](const std::function<Status()>& work) {
    const std::lock_guard lock(writing);
    return work();
  };
  constexpr int kClones = 20;
  for (int clone = 0; clone < kClones; ++clone) {
    const std::string id = fmt::format("b{}", clone);
    const Status cloned = storage->CloneStill("base", id, still);
    ASSERT_TRUE(cloned) << cloned.error().ToString();
    std::vector<int> values;
    for (int i = 0; i < kFiles; ++i) {
      values.push_back(std::stoi(ReadFile(name(*storage->Path(id), i))));
    }
    EXPECT_TRUE(std::ranges::is_sorted(values, std::greater())) << fmt::format("{}", values);
    EXPECT_LE(values.front() - values.back(), 1);
  }
  done = true;
  writer.join();
  EXPECT_GT(round, 2);
  const StillSource never = [](const std::function<Status()>&) -> Status {
    return std::unexpected(Error(Code::kUnavailable, "NOT_STILL", "it moves"));
  };
  EXPECT_EQ(ReasonOf(storage->CloneStill("base", "torn", never)), "NOT_STILL");
  EXPECT_EQ(storage->List()->size(), kClones + 1);
}

TEST_P(StorageSuite, VolumesCanBeMountedAgain) {
  MakeSampleTree(Source());
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  ASSERT_TRUE(storage->Freeze("base"));
  ASSERT_TRUE(storage->Clone("base", "b1"));
  WriteFile(*storage->Path("b1") + "/base/1/1", "changed");
  std::map<std::string, std::map<std::string, std::string>> wanted;
  for (const char* id : {"base", "b1"}) {
    wanted[id] = Describe(*storage->Path(id));
    ::umount2(storage->Path(id)->c_str(), 0);  // where it is a mount
  }
  for (const char* id : {"base", "b1", "base", "b1"}) {
    const Status mounted = storage->Mount(id);
    ASSERT_TRUE(mounted) << mounted.error().ToString();
    EXPECT_EQ(Describe(*storage->Path(id)), wanted[id]) << id;
  }
  EXPECT_EQ(ReasonOf(storage->Mount("none")), "VOLUME_NOT_FOUND");
}

TEST_P(StorageSuite, DeletesAllOfAVolume) {
  MakeSampleTree(Source());
  const auto storage = Open();
  EXPECT_EQ(ReasonOf(storage->Delete("none")), "OK");
  ASSERT_TRUE(storage->Import(Source(), "base"));
  // Deeper than a path may be long, as a branch could make it.
  std::string deep = *storage->Path("base");
  const int before = ::open(".", O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::chdir(deep.c_str()), 0);
  for (int i = 0; i < 300; ++i) {
    const std::string name(50, 'd');
    ASSERT_EQ(::mkdir(name.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(name.c_str()), 0);
  }
  ASSERT_EQ(::fchdir(before), 0);
  ::close(before);
  // Where a link leads is nobody's business.
  WriteFile(root_ + "/outside/kept", "k");
  fs::create_directory_symlink(root_ + "/outside", *storage->Path("base") + "/out");

  EXPECT_EQ(ReasonOf(storage->Delete("base")), "OK");
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 0U);
  EXPECT_EQ(ReadFile(root_ + "/outside/kept"), "k");
}

TEST_P(StorageSuite, RefusesIdsThatAreNotOurs) {
  WriteFile(Source() + "/file", "f");
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  for (const std::string& id :
       {std::string(), std::string("../x"), std::string("."), std::string(".."), std::string("a/b"),
        std::string("A"), std::string("a b"), std::string("-a"), std::string("a_b"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(64, 'a'),
        std::string(".prism-tmp-x")}) {
    EXPECT_EQ(ReasonOf(storage->Import(Source(), id)), "VOLUME_ID") << id;
    EXPECT_EQ(ReasonOf(storage->Clone("base", id)), "VOLUME_ID") << id;
    EXPECT_EQ(ReasonOf(storage->Clone(id, "b1")), "VOLUME_ID") << id;
    EXPECT_EQ(ReasonOf(storage->Freeze(id)), "VOLUME_ID") << id;
    EXPECT_EQ(ReasonOf(storage->Mount(id)), "VOLUME_ID") << id;
    EXPECT_EQ(ReasonOf(storage->Delete(id)), "VOLUME_ID") << id;
    EXPECT_FALSE(storage->Path(id)) << id;
    EXPECT_FALSE(storage->Measure(id)) << id;
  }
  EXPECT_TRUE(storage->Clone("base", std::string(63, 'a')));
}

TEST_P(StorageSuite, ReportsWhatIsThereAndWhatIsNot) {
  WriteFile(Source() + "/file", "f");
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  EXPECT_EQ(ReasonOf(storage->Import(Source(), "base")), "VOLUME_EXISTS");
  EXPECT_EQ(ReasonOf(storage->Clone("base", "base")), "VOLUME_EXISTS");
  EXPECT_EQ(ReasonOf(storage->Clone("none", "b1")), "VOLUME_NOT_FOUND");
  EXPECT_EQ(ReasonOf(storage->Freeze("none")), "VOLUME_NOT_FOUND");
  EXPECT_EQ(storage->Measure("none").error().reason(), "VOLUME_NOT_FOUND");
  EXPECT_EQ(ReasonOf(storage->Import(root_ + "/none", "b1")), "STORE_SOURCE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(storage->Import(Source() + "/file", "b1")), "STORE_SOURCE_NOT_FOUND");
  EXPECT_THAT(*storage->List(), ElementsAre("base"));
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 1U);
}

TEST_P(StorageSuite, RefusesSourcesThatItCantCarry) {
  const auto storage = Open();
  WriteFile(root_ + "/device/file", "f");
  ASSERT_EQ(::mknod((root_ + "/device/null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
  EXPECT_EQ(ReasonOf(storage->Import(root_ + "/device", "b1")), "STORE_SOURCE_DEVICE");
  EXPECT_EQ(ReasonOf(storage->Import(root_, "b1")), "STORE_SOURCE_OVERLAP");
  EXPECT_EQ(ReasonOf(storage->Import(StorePath() + "/volumes", "b1")), "STORE_SOURCE_OVERLAP");

  const Status own = testing::UseOwnMounts();
  ASSERT_TRUE(own) << own.error().ToString();
  const std::string mounted = root_ + "/mount/pg_wal";
  fs::create_directories(mounted);
  ASSERT_EQ(::mount("none", mounted.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(ReasonOf(storage->Import(root_ + "/mount", "b1")), "STORE_SOURCE_MOUNT");
  EXPECT_EQ(::umount(mounted.c_str()), 0);
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 0U);
}

TEST_P(StorageSuite, ShowsProgressAndStops) {
  MakeSampleTree(root_ + "/sample");
  const auto storage = Open();
  TransferProgress last;
  ASSERT_TRUE(storage->Import(root_ + "/sample", "base", [&](const TransferProgress& progress) {
    EXPECT_GE(progress.files, last.files);
    EXPECT_GE(progress.bytes, last.bytes);
    last = progress;
    return true;
  }));
  EXPECT_GE(last.files, 42U);
  EXPECT_GE(last.bytes, 40U * 8192);

  const Status stopped = storage->Import(root_ + "/sample", "b1",
                                         [](const TransferProgress& p) { return p.files < 5; });
  EXPECT_EQ(ReasonOf(stopped), "TRANSFER_CANCELLED");
  EXPECT_EQ(stopped.error().code(), Code::kCancelled);
  EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 1U);
}

// ZFS counts its own blocks about files too.
::testing::Matcher<std::uint64_t> Is(std::uint64_t bytes, const StorageTraits& traits) {
  const std::uint64_t slack = traits.name == "zfs" ? 256 << 10 : 0;
  return AllOf(Ge(bytes < slack ? 0 : bytes - slack), Le(bytes + slack));
}

TEST_P(StorageSuite, MeasuresWhatIsSharedAndWhatIsOwn) {
  constexpr std::uint64_t kSize = 8 << 20;
  WriteFile(Source() + "/data", std::string(kSize, 'x'));
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  fs::remove_all(Source());
  ASSERT_TRUE(storage->Freeze("base"));
  ASSERT_TRUE(storage->Clone("base", "b1"));
  const VolumeUsage fresh = *storage->Measure("b1");
  const StorageTraits& traits = storage->traits();
  EXPECT_THAT(fresh.own_bytes + fresh.shared_bytes, Is(kSize, traits));
  EXPECT_THAT(fresh.shared_bytes, Is(traits.shares_blocks ? kSize : 0, traits));

  const std::string file = *storage->Path("b1") + "/data";
  const int fd = ::open(file.c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, std::string(1 << 20, 'y').data(), 1 << 20, 0), 1 << 20);
  ASSERT_EQ(::fsync(fd), 0);
  ::close(fd);
  ASSERT_TRUE(storage->Freeze("b1"));  // nothing is still to be counted
  const VolumeUsage written = *storage->Measure("b1");
  EXPECT_THAT(written.own_bytes + written.shared_bytes, Is(kSize, traits));
  // Overlayfs copies a file as a whole, by sharing blocks where it can.
  const bool shares_parts = traits.shares_blocks && GetParam().file_system != "ext4";
  EXPECT_THAT(written.own_bytes, Is(shares_parts ? std::uint64_t{1} << 20 : kSize, traits));
}

TEST_P(StorageSuite, TouchesNothingThatItDidNotName) {
  auto storage = Open();
  const std::string volumes = StorePath() + "/volumes";
  WriteFile(volumes + "/Foreign/file", "f");
  WriteFile(volumes + "/.other/file", "o");
  WriteFile(volumes + "/file", "x");
  WriteFile(root_ + "/outside/kept", "k");
  fs::create_directory_symlink(root_ + "/outside", volumes + "/.prism-tmp-link");
  fs::create_directory_symlink(root_ + "/outside", volumes + "/link");
  const auto before = Describe(root_);
  EXPECT_THAT(*storage->List(), IsEmpty());
  EXPECT_EQ(*storage->Sweep(), 0U);
  EXPECT_EQ(ReasonOf(storage->Clone("link", "b1")), "VOLUME_NOT_FOUND");
  EXPECT_EQ(Describe(root_), before);

  WriteFile(volumes + "/.prism-tmp-OLD/base/1", "left by a process that was killed");
  EXPECT_EQ(*storage->Sweep(), 1U);
  EXPECT_FALSE(fs::exists(volumes + "/.prism-tmp-OLD"));
  EXPECT_EQ(ReadFile(root_ + "/outside/kept"), "k");
}

TEST_P(StorageSuite, OtherKindsOfVolumesAreNotMistakenForItsOwn) {
  auto storage = Open();
  const std::string layout(storage->traits().layout);
  const auto open_other = [&] {
    return Storage::Open({.directory = StorePath(), .owner = kOwner},
                         *MakeDriver(layout == "trees" ? "overlay" : "copy", nullptr));
  };
  EXPECT_EQ(*Storage::LayoutOf(StorePath()), std::nullopt);
  WriteFile(Source() + "/file", "f");
  ASSERT_TRUE(storage->Import(Source(), "base"));
  EXPECT_EQ(*Storage::LayoutOf(StorePath()), layout);
  storage.reset();
  const auto refused = open_other();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "STORE_LAYOUT");

  storage = Open();
  ASSERT_TRUE(storage->Delete("base"));
  storage.reset();
  EXPECT_TRUE(open_other()) << "there is nothing in it any more";
}

TEST_P(StorageSuite, OneProcessHasTheStore) {
  auto storage = Open();
  const auto second =
      Storage::Open({.directory = StorePath(), .owner = kOwner}, *MakeDriver("copy", nullptr));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason(), "STORE_LOCKED");
  storage.reset();
  EXPECT_NE(Open(), nullptr);
  const auto other =
      Storage::Open({.directory = StorePath(), .owner = {1, 1}}, *MakeDriver("copy", nullptr));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().reason(), "STORE_OWNER");
}

}  // namespace
}  // namespace prism::branching
