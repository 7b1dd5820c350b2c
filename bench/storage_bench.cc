// Clones of a volume like a fresh PostgreSQL's (980 files, 40 MB), each beside its floor: what the
// system calls that can't be done without take alone. On btrfs, XFS, ext4 and ZFS (zfs-fuse) in
// loop devices: needs root.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "branching/storage/probe.h"
#include "branching/storage/storage.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/loop_file_system.h"
#include "branching/storage/zfs_command.h"
#include "runtime/blocking_pool.h"

namespace {

namespace fs = std::filesystem;
using prism::branching::MakeDriver;
using prism::branching::Storage;
using prism::branching::testing::LoopFileSystem;

constexpr int kFiles = 980;
constexpr int kTebibyte = 1024;  // segments of PostgreSQL's tables

// A table's file of 1 GiB with one page at its end.
void WriteSegment(const std::string& path) {
  prism::branching::testing::WriteFile(path, "");
  constexpr off_t kPage = 8192;
  const prism::base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string page(kPage, 'x');
  const off_t at = (off_t{1} << 30) - kPage;
  if (::pwrite(file.get(), page.data(), page.size(), at) != kPage) std::abort();
}

// A store with the volume "base", or why there is none.
class Bench {
 public:
  Bench(benchmark::State& state, const std::string& type, const std::string& driver,
        prism::runtime::BlockingPool* helpers, int segments = 0)
      : state_(state) {
    if (!Must(prism::branching::testing::UseOwnMounts())) return;
    auto made = LoopFileSystem::Make(type, 1024);
    if (!Must(made)) return;
    file_system_ = *std::move(made);
    const std::string source = file_system_->path() + "/source";
    for (int i = 0; i < kFiles; ++i) {
      prism::branching::testing::WriteFile(
          source + "/" + std::to_string(i % 4) + "/" + std::to_string(i),
          std::string(40 << 10, 'x'));
    }
    for (int i = 0; i < segments; ++i) WriteSegment(source + "/large/" + std::to_string(i));
    auto storage = Storage::Open({.directory = file_system_->path() + "/store", .owner = {}},
                                 *MakeDriver(driver, helpers));
    if (!Must(storage)) return;
    storage_ = *std::move(storage);
    if (!Must(storage_->Import(source, "base"))) return;
    // Or overlays would copy it.
    Must(storage_->Freeze("base"));
  }

  Storage* storage() { return storage_.get(); }

  template <class T>
  bool Must(const T& result) {
    if (!result) state_.SkipWithError(result.error().ToString().c_str());
    return static_cast<bool>(result);
  }

 private:
  benchmark::State& state_;
  std::unique_ptr<LoopFileSystem> file_system_;
  std::unique_ptr<Storage> storage_;
};

void Clone(benchmark::State& state, const std::string& type, const std::string& driver, bool helped,
           int segments = 0) {
  prism::runtime::BlockingPool pool(1, 8);
  Bench bench(state, type, driver, helped ? &pool : nullptr, segments);
  for (auto _ : state) {
    if (!bench.storage() || !bench.Must(bench.storage()->Clone("base", "clone"))) break;
    state.PauseTiming();
    bench.Must(bench.storage()->Delete("clone"));
    state.ResumeTiming();
  }
  pool.Stop();
}

void FloorOfBtrfs(benchmark::State& state) {
  Bench bench(state, "btrfs", "btrfs", nullptr);
  for (auto _ : state) {
    if (!bench.storage()) break;
    const std::string from = *bench.storage()->Path("base");
    const std::string to = *bench.storage()->Path("clone");
    if (prism::branching::internal::SnapshotSubvolume(from, to) != 0) {
      state.SkipWithError("no snapshot");
      break;
    }
    state.PauseTiming();
    prism::branching::internal::RemoveSubvolume(to);
    state.ResumeTiming();
  }
}

// The program `zfs`, which takes its time to start, doing nothing: a clone of a frozen volume runs
// it twice.
void FloorOfZfs(benchmark::State& state) {
  Bench bench(state, "zfs", "zfs", nullptr);
  const prism::base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (auto _ : state) {
    if (!bench.storage() ||
        !bench.Must(prism::branching::internal::RunZfs(null, {"list", "-H", "-o", "name"}))) {
      break;
    }
  }
}

// Two opens and FICLONE for each file, whose names are known, on one thread.
bool CloneFiles(const std::vector<std::string>& files, const std::string& from,
                const std::string& to) {
  fs::create_directory(to);
  for (int i = 0; i < 4; ++i) fs::create_directory(to + "/" + std::to_string(i));
  for (const std::string& file : files) {
    const prism::base::UniqueFd source(::open((from + file).c_str(), O_RDONLY | O_CLOEXEC));
    const prism::base::UniqueFd target(
        ::open((to + file).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (::ioctl(target.get(), FICLONE, source.get()) != 0) return false;
  }
  return true;
}

void FloorOfReflink(benchmark::State& state) {
  Bench bench(state, "xfs", "reflink", nullptr);
  std::vector<std::string> files;
  for (int i = 0; i < kFiles; ++i) {
    files.push_back("/" + std::to_string(i % 4) + "/" + std::to_string(i));
  }
  for (auto _ : state) {
    if (!bench.storage()) break;
    const std::string to = *bench.storage()->Path("clone");
    if (!CloneFiles(files, *bench.storage()->Path("base"), to)) {
      state.SkipWithError("no clone");
      break;
    }
    state.PauseTiming();
    fs::remove_all(to);
    state.ResumeTiming();
  }
}

// With this many clones of the same volume: each shares all of its blocks with all others.
void Measure(benchmark::State& state, const std::string& type, const std::string& driver) {
  Bench bench(state, type, driver, nullptr);
  for (std::int64_t i = 0; bench.storage() && i < state.range(0); ++i) {
    bench.Must(bench.storage()->Clone("base", "b" + std::to_string(i)));
  }
  for (auto _ : state) {
    if (!bench.storage() || !bench.Must(bench.storage()->Measure("b0"))) break;
  }
}

BENCHMARK(FloorOfBtrfs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Clone, Btrfs, "btrfs", "btrfs", false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Clone, BtrfsOfATebibyte, "btrfs", "btrfs", false, kTebibyte)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(FloorOfZfs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Clone, Zfs, "zfs", "zfs", false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(FloorOfReflink)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Clone, Reflink, "xfs", "reflink", false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Clone, ReflinkHelped, "xfs", "reflink", true)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Clone, Overlay, "ext4", "overlay", false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Clone, Copy, "xfs", "copy", false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Measure, Btrfs, "btrfs", "btrfs")
    ->Unit(benchmark::kMillisecond)
    ->Arg(1)
    ->Arg(300);
BENCHMARK_CAPTURE(Measure, Reflink, "xfs", "reflink")
    ->Unit(benchmark::kMillisecond)
    ->Arg(1)
    ->Arg(20);

}  // namespace

BENCHMARK_MAIN();
