// The helper as a process of its own, asked by somebody who wants more than he should get.
#include "branching/privileged/helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/testing/cluster.h"
#include "branching/privileged/answers.h"
#include "branching/privileged/helped_driver.h"
#include "branching/privileged/helped_launcher.h"
#include "branching/privileged/helper_client.h"
#include "branching/privileged/packet.h"
#include "branching/storage/btrfs_driver.h"
#include "branching/storage/copy_driver.h"
#include "branching/storage/storage.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;
using privileged::Request;

class HelperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::chmod(directory_.path().c_str(), 0711);
    const auto store = Storage::Prepare(
        {.directory = File("store"), .owner = {.uid = user_.uid, .gid = user_.gid}},
        CopyDriver().traits());
    ASSERT_TRUE(store) << store.error().ToString();
    volumes_ = *store + "/volumes";
    auto started = HelperClient::Start({.user = user_, .driver = "copy", .store = *store});
    ASSERT_TRUE(started) << started.error().ToString();
    helper_ = *std::move(started);
  }

  std::string File(const std::string& name) const { return directory_.File(name); }
  void Give(const std::string& path) const {
    ASSERT_EQ(::lchown(path.c_str(), user_.uid, user_.gid), 0);
  }

  // A script of the shell behind the walls, its output to be collected.
  struct Script {
    base::UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    base::UniqueFd output{::memfd_create("output", MFD_CLOEXEC)};
    WalledProgram program;
  };
  Script Shell(const std::string& text) const {
    Script script;
    script.program = {
        .program = "/bin/sh",
        .argv = {"sh", "-c", text},
        .environment = {"PATH=/usr/bin:/bin"},
        .paths = {},
        .standard_fds = {script.null.get(), script.output.get(), script.output.get()}};
    return script;
  }
  Result<runtime::Spawned> Launch(const WalledProgram& program) const {
    TRY_ASSIGN(const auto launcher, HelpedLauncher::Make(*helper_, user_));
    return launcher->Launch(program);
  }
  // What it printed, and its exit code.
  std::string Run(const Script& script) const {
    const auto spawned = Launch(script.program);
    if (!spawned) return spawned.error().ToString();
    siginfo_t ended{};
    EXPECT_EQ(::waitid(P_PIDFD, static_cast<id_t>(spawned->pidfd.get()), &ended, WEXITED), 0);
    std::array<char, 4096> text;
    const ssize_t size = ::pread(script.output.get(), text.data(), text.size(), 0);
    return std::string(text.data(), static_cast<std::size_t>(size)) + "exit " +
           std::to_string(ended.si_status);
  }
  std::string Reason(const Request& request) const {
    const auto reply = helper_->Ask(request);
    return reply ? "done" : std::string(reply.error().reason());
  }

  const InstanceUser user_ = testing::TestUser();
  base::testing::TempDirectory directory_;
  std::string volumes_;
  std::unique_ptr<HelperClient> helper_;
};

TEST_F(HelperTest, RunsProgramsAsTheUserAndWithNothingElse) {
  const std::string printed =
      Run(Shell("id -u; id -G; sed -n 's/^\\(CapPrm\\|CapEff\\|CapInh\\|NoNewPrivs\\):\\t/\\1 /p' "
                "/proc/self/status; echo $$"));
  EXPECT_EQ(printed, std::to_string(user_.uid) + "\n" + std::to_string(user_.gid) +
                         "\nCapInh 0000000000000000\nCapPrm 0000000000000000\n"
                         "CapEff 0000000000000000\nNoNewPrivs 1\n1\nexit 0");
}

TEST_F(HelperTest, ProgramsAreChildrenOfWhoAsks) { EXPECT_EQ(Run(Shell("exit 3")), "exit 3"); }

TEST_F(HelperTest, AProgramThatCanNotStartLeavesNothing) {
  Script script = Shell("");
  script.program.program = "/nowhere/program";
  EXPECT_EQ(Launch(script.program).error().reason(), "SUBPROCESS_START");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0);  // the helper, which runs
}

TEST_F(HelperTest, GivesProgramsNothingThatTheUserCouldNotReach) {
  fs::create_directories(File("closed/open"));
  std::ofstream(File("closed/open/secret")) << "secret";
  ::chmod(File("closed").c_str(), 0700);
  Script script = Shell("cat " + File("closed/open/secret"));
  script.program.paths.read_only = {File("closed/open")};
  EXPECT_NE(Run(script).find("PERMISSION_DENIED/SUBPROCESS_START"), std::string::npos);
  ::chmod(File("closed").c_str(), 0711);
  EXPECT_EQ(Run(script), "secretexit 0");
}

TEST_F(HelperTest, GivesProgramsNoDirectoryAndWritesNoFileOfOthers) {
  Script script = Shell("");
  const base::UniqueFd root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  script.program.fourth_fd = root.get();
  EXPECT_EQ(Launch(script.program).error().reason(), "PRIVILEGED_REQUEST");
  script.program.fourth_fd = -1;
  for (const char* path : {"of-root", "proc"}) {
    const std::string name = path == std::string("proc") ? "/proc/self/oom_score_adj" : File(path);
    const base::UniqueFd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    script.program.records.process = file.get();
    EXPECT_EQ(Launch(script.program).error().reason(), "PRIVILEGED_REQUEST") << path;
  }
  const base::UniqueFd own(::open(File("own").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  Give(File("own"));
  script.program.records.process = own.get();
  const auto spawned = Launch(script.program);
  ASSERT_TRUE(spawned) << spawned.error().ToString();
  ::waitpid(spawned->pid, nullptr, 0);
  std::string number;
  std::ifstream(File("own")) >> number;
  EXPECT_EQ(number, std::to_string(spawned->pid));
}

TEST_F(HelperTest, PutsProgramsIntoCgroupsAndNothingElse) {
  Script script = Shell("grep -c ':memory:.*/prism-[0-9]*/of-' /proc/self/cgroup");
  const base::UniqueFd file(::open(File("file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  script.program.records.cgroups = {file.get()};
  EXPECT_EQ(Launch(script.program).error().reason(), "PRIVILEGED_REQUEST");
  const auto home = CgroupHome::OpenFor(user_, {.memory_bytes = 64 << 20});
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  fs::create_directory(File("of-a-server"));
  const Cgroup cgroup = home.Of(File("of-a-server"));
  ASSERT_TRUE(home.Make(cgroup));
  const auto members = cgroup.OpenMembers();
  ASSERT_TRUE(members) << members.error().ToString();
  script.program.records.cgroups.clear();
  for (const base::UniqueFd& each : *members) {
    script.program.records.cgroups.push_back(each.get());
  }
  EXPECT_EQ(Run(script), "1\nexit 0");
  EXPECT_TRUE(cgroup.Remove());
}

TEST_F(HelperTest, RemovesNothingOutsideTheStore) {
  fs::create_directories(File("outside/data"));
  std::ofstream(File("outside/data/file")) << "kept";
  fs::create_directory_symlink(File("outside"), volumes_ + "/link");
  Give(volumes_ + "/link");
  Request request;
  request.mutable_destroy()->set_name("link");
  EXPECT_NE(Reason(request), "done");
  // Also of what the user could move there.
  fs::create_directories(volumes_ + "/mixed/of-root");
  std::ofstream(volumes_ + "/mixed/of-root/file") << "kept";
  Give(volumes_ + "/mixed");
  request.mutable_destroy()->set_name("mixed");
  EXPECT_EQ(Reason(request), "STORE_DENIED");
  EXPECT_TRUE(fs::exists(volumes_ + "/mixed/of-root/file"));
  EXPECT_TRUE(fs::exists(File("outside/data/file")));
}

// File by file the user could not do it, and read-only not at all.
TEST_F(HelperTest, RemovesSubvolumesOfBtrfsAtOnce) {
  ASSERT_TRUE(testing::UseOwnMounts());
  const auto file_system = testing::LoopFileSystem::Make("btrfs", 320);
  ASSERT_TRUE(file_system) << file_system.error().ToString();
  const std::string mounted = (*file_system)->path();
  for (const std::string& path : {mounted, fs::path(mounted).parent_path().string()}) {
    ::chmod(path.c_str(), 0755);
  }
  const auto store =
      Storage::Prepare({.directory = mounted, .owner = {.uid = user_.uid, .gid = user_.gid}},
                       BtrfsDriver().traits());
  ASSERT_TRUE(store) << store.error().ToString();
  const std::string volume = *store + "/volumes/b-1";
  ASSERT_EQ(internal::MakeSubvolume(volume), 0);
  fs::create_directory(volume + "/of-root");
  std::ofstream(volume + "/of-root/file") << "x";
  Give(volume);
  ASSERT_EQ(internal::MakeSubvolumeReadOnly(volume), 0);
  helper_.reset();
  auto started = HelperClient::Start({.user = user_, .driver = "btrfs", .store = *store});
  ASSERT_TRUE(started) << started.error().ToString();
  const auto driver = MakeHelpedDriver("btrfs", **started, *store + "/volumes", nullptr);
  EXPECT_EQ((*driver)->Destroy("/elsewhere/b-1").error().reason(), "VOLUME_NOT_FOUND");
  const Status gone = (*driver)->Destroy(volume);
  EXPECT_TRUE(gone) << gone.error().ToString();
  EXPECT_FALSE(fs::exists(volume));
}

TEST_F(HelperTest, ImportsNothingThatTheUserMayNotRead) {
  fs::create_directory(File("source"));
  std::ofstream(File("source/file")) << "secret";
  ::chmod(File("source").c_str(), 0700);
  Request request;
  request.mutable_import_tree()->set_from(File("source"));
  request.mutable_import_tree()->set_to("copy");
  EXPECT_EQ(Reason(request), "STORE_DENIED");
  ::chmod(File("source").c_str(), 0755);
  request.mutable_import_tree()->set_to("copy2");
  EXPECT_EQ(Reason(request), "done");
  struct stat status = {};
  ASSERT_EQ(::stat((volumes_ + "/copy2/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, user_.uid);
}

TEST_F(HelperTest, WhoSaysNonsenseIsNotHeardAgain) {
  Request request;
  request.mutable_launch();
  EXPECT_EQ(Reason(request), "PRIVILEGED_REQUEST");
  request.mutable_walls();
  EXPECT_EQ(Reason(request), "PRIVILEGED_HELPER_GONE");
  EXPECT_FALSE(helper_->running());
}

TEST_F(HelperTest, WhoGivesOtherDescriptorsIsNotHeardAgain) {
  Request request;
  request.mutable_walls();
  const auto reply = helper_->Ask(request, {0});
  EXPECT_EQ(reply.error().reason(), "PRIVILEGED_REQUEST");
  EXPECT_EQ(Reason(request), "PRIVILEGED_HELPER_GONE");
}

TEST_F(HelperTest, WorksForNobodyWhoIsRoot) {
  auto ends = internal::MakeSocketPair().value();
  EXPECT_EQ(RunHelper(std::move(ends.first),
                      {.user = {.uid = 0, .gid = 1}, .driver = "copy", .store = "/"})
                .error()
                .reason(),
            "PRIVILEGED_USER");
}

}  // namespace
}  // namespace prism::branching

// The helper is this program too.
int main(int argc, char** argv) {
  if (const auto code = prism::branching::BeHelper(argc, argv)) return *code;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
