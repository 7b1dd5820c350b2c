#include "runtime/subprocess.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>

#include "base/testing/temp_directory.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"
#include "runtime/wait.h"

namespace prism::runtime {
namespace {

using base::testing::TempDirectory;

MonoNanos InSeconds(int seconds) { return MonotonicNow() + seconds * kNanosPerSecond; }
MonoNanos InMillis(int millis) { return MonotonicNow() + millis * kNanosPerMilli; }

Result<ProgramResult> RunWith(const SubprocessOptions& options) {
  return RunOnNewShard([&] { return RunProgram(options, InSeconds(60), nullptr); });
}
Result<ProgramResult> RunShell(const std::string& script) {
  return RunWith({.argv = {"sh", "-c", script}});
}

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool Exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

// True while the process exists and is no zombie: who reaps orphans in a container may be slow.
bool IsAlive(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const auto paren = stat.rfind(')');
  return paren != std::string::npos && stat.size() > paren + 2 && stat[paren + 2] != 'Z' &&
         stat[paren + 2] != 'X';
}

Task<bool> BecomesTrue(std::function<bool()> condition) {
  const MonoNanos deadline = InSeconds(60);
  while (!condition()) {
    if (MonotonicNow() > deadline) co_return false;
    co_await SleepUntil(*Shard::Current(), InMillis(2), nullptr);
  }
  co_return true;
}

TEST(SubprocessTest, CollectsOutputAndExitCode) {
  const auto result = RunShell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ(result->standard_output, "out\n");
  EXPECT_EQ(result->standard_error, "err\n");
  EXPECT_EQ(result->status.ToString(), "exit code 3");
  EXPECT_FALSE(result->status.ok());
  EXPECT_FALSE(result->output_truncated);
}

TEST(SubprocessTest, NamesTheSignalThatEndedIt) {
  const auto result = RunShell("kill -SEGV $$");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status.ToString(), "signal 11 (SEGV)");
}

TEST(SubprocessTest, FeedsItsInputAndClosesIt) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  const auto result = RunWith({.argv = {"cat"}, .standard_input = ToPipe{}, .input = text});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->standard_output, text);
}

TEST(SubprocessTest, AProgramNeedNotReadItsInput) {
  const auto result = RunWith({.argv = {"true"},
                               .standard_input = ToPipe{},
                               .input = std::string(std::size_t{1} << 20, 'x')});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->status.ok());
}

TEST(SubprocessTest, KeepsTheFirstBytesAndDropsTheRest) {
  const auto result = RunWith(
      {.argv = {"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"}, .max_output = 1'000});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->standard_output, std::string(1'000, 'x'));
  EXPECT_TRUE(result->output_truncated);
}

TEST(SubprocessTest, SetsDirectoryEnvironmentAndFiles) {
  const TempDirectory directory;
  std::ofstream(directory.File("in")) << "from a file";
  std::ofstream(directory.File("out")) << "before;";
  ::setenv("PRISM_TEST_KEPT", "kept", 1);
  ::setenv("PRISM_TEST_REPLACED", "old", 1);
  const auto result =
      RunWith({.argv = {"sh", "-c", "pwd; cat; echo; echo $PRISM_TEST_KEPT $PRISM_TEST_REPLACED"},
               .environment = {{"PRISM_TEST_REPLACED", "new"}},
               .working_directory = directory.path(),
               .standard_input = ToFile{directory.File("in")},
               .standard_output = ToFile{directory.File("out")}});
  ASSERT_TRUE(result);
  EXPECT_EQ(ReadFile(directory.File("out")),
            "before;" + directory.path() + "\nfrom a file\nkept new\n");
  EXPECT_EQ(result->standard_output, "");

  const auto bare = RunWith(
      {.argv = {"/usr/bin/env"}, .environment = {{"ONLY", "this"}}, .inherit_environment = false});
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->standard_output, "ONLY=this\n");
}

TEST(SubprocessTest, TheChildHasNoDescriptorsSignalsOrGroupOfOurs) {
  // The last one replaces the shell, which has blocked signals while it waits for the others.
  const auto result = RunShell(
      "ls /proc/$$/fd; cut -d' ' -f5 /proc/$$/stat; echo $$; exec grep -E 'Sig(Blk|Ign)' "
      "/proc/self/status");
  ASSERT_TRUE(result);
  std::istringstream words(result->standard_output);
  for (const char* fd : {"0", "1", "2"}) {
    std::string word;
    words >> word;
    EXPECT_EQ(word, fd);
  }
  pid_t group = 0;
  pid_t pid = 0;
  words >> group >> pid;
  EXPECT_GT(pid, 0);
  EXPECT_EQ(group, pid);
  std::string rest;
  std::getline(words >> std::ws, rest, '\0');
  EXPECT_EQ(rest, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

std::string StartErrorOf(const SubprocessOptions& options) {
  const auto result = RunWith(options);
  return result ? "no error" : result.error().ToString();
}

TEST(SubprocessTest, SaysWhyItDidNotStart) {
  EXPECT_TRUE(StartErrorOf({.argv = {"no-such-program"}})
                  .starts_with("NOT_FOUND/PROGRAM_NOT_FOUND: there is no program "
                               "'no-such-program' in PATH ("));
  EXPECT_EQ(StartErrorOf({.argv = {"/no/such/program"}}),
            "NOT_FOUND/SUBPROCESS_START: executing /no/such/program: No such file or directory "
            "(ENOENT)");
  EXPECT_EQ(StartErrorOf({.argv = {"/etc/passwd"}}),
            "PERMISSION_DENIED/SUBPROCESS_START: executing /etc/passwd: Permission denied "
            "(EACCES)");
  EXPECT_EQ(StartErrorOf({.argv = {"true"}, .working_directory = "/no/such"}),
            "NOT_FOUND/SUBPROCESS_START: entering the working directory /no/such: No such file or "
            "directory (ENOENT)");
  EXPECT_EQ(StartErrorOf({.argv = {"true"}, .standard_input = ToFile{"/no/such"}}),
            "NOT_FOUND/SUBPROCESS_START: opening /no/such: No such file or directory (ENOENT)");
  EXPECT_EQ(StartErrorOf({}), "INVALID_ARGUMENT/SUBPROCESS_START: argv is empty: name a program");
}

Task<std::string> DeadlineError(MonoNanos deadline, pid_t* pid) {
  auto process = Subprocess::Start({.argv = {"sleep", "600"}});
  EXPECT_TRUE(process);
  *pid = (*process)->pid();
  const auto status = co_await (*process)->Wait(deadline, nullptr);
  EXPECT_TRUE((*process)->running());
  const auto ended = co_await (*process)->Terminate(10 * kNanosPerSecond);
  EXPECT_FALSE((*process)->running());
  EXPECT_TRUE((*process)->Signal(SIGTERM)) << "of an ended process: nothing";
  co_return std::string(status.error().reason()) + ", " + ended->ToString();
}

TEST(SubprocessTest, ADeadlineLeavesItRunningAndTerminateEndsIt) {
  pid_t pid = 0;
  EXPECT_EQ(RunOnNewShard([&] { return DeadlineError(InMillis(5), &pid); }),
            "SUBPROCESS_DEADLINE, signal 15 (TERM)");
  EXPECT_FALSE(Exists(pid));
}

// A group whose leader and child both ignore SIGTERM.
Task<std::string> EndStubbornGroup(std::string child_file, pid_t* child) {
  auto process = Subprocess::Start({.argv = {"sh", "-c",
                                             "trap '' TERM; sleep 600 & echo $! > " + child_file +
                                                 "; echo ready; "
                                                 "while true; do sleep 1; done"}});
  EXPECT_TRUE(process);
  const bool ready =
      co_await BecomesTrue([&] { return (*process)->standard_output() == "ready\n"; });
  EXPECT_TRUE(ready);
  *child = std::stoi(ReadFile(child_file));
  const auto ended = co_await (*process)->Terminate(20 * kNanosPerMilli);
  const pid_t pid = *child;
  EXPECT_TRUE(co_await BecomesTrue([pid] { return !IsAlive(pid); }));
  co_return ended->ToString();
}

TEST(SubprocessTest, TerminateKillsTheWholeGroupInTheEnd) {
  const TempDirectory directory;
  pid_t child = 0;
  EXPECT_EQ(RunOnNewShard([&] { return EndStubbornGroup(directory.File("pid"), &child); }),
            "signal 9 (KILL)");
  EXPECT_FALSE(IsAlive(child));
}

// A leader that ends at once on SIGTERM, and leaves a child that does not.
Task<bool> EndWithStraggler(std::string child_file) {
  auto process = Subprocess::Start(
      {.argv = {"sh", "-c",
                "(trap '' TERM; echo ready; while true; do sleep 1; done) & echo $! > " +
                    child_file + "; wait"}});
  EXPECT_TRUE(process);
  EXPECT_TRUE(co_await BecomesTrue(
      [&] { return (*process)->standard_output() == "ready\n" && !ReadFile(child_file).empty(); }));
  const pid_t straggler = std::stoi(ReadFile(child_file));
  const auto ended = co_await (*process)->Terminate(60 * kNanosPerSecond);
  EXPECT_EQ(ended->ToString(), "signal 15 (TERM)");
  co_return co_await BecomesTrue([straggler] { return !IsAlive(straggler); });
}

TEST(SubprocessTest, TerminateLeavesNoStragglers) {
  const TempDirectory directory;
  EXPECT_TRUE(RunOnNewShard([&] { return EndWithStraggler(directory.File("pid")); }));
}

Task<Result<ProgramResult>> RunAndCancel() {
  CancelSource source;
  TaskGroup group;
  struct Canceller {
    static Task<void> Run(CancelSource* target) {
      co_await SleepUntil(*Shard::Current(), InMillis(5), nullptr);
      target->Cancel(CancelReason::kClientGone);
    }
  };
  group.Spawn(Canceller::Run(&source));
  auto result = co_await RunProgram({.argv = {"sleep", "600"}}, InSeconds(60), &source);
  co_await group.Join();
  co_return result;
}

TEST(SubprocessTest, RunProgramEndsItWhenCancelledOrTooLate) {
  const auto cancelled = RunOnNewShard(RunAndCancel);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().reason(), "CANCELLED");
  const auto late =
      RunOnNewShard([] { return RunProgram({.argv = {"sleep", "600"}}, InMillis(5), nullptr); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason(), "SUBPROCESS_DEADLINE");
  EXPECT_EQ(late.error().metadata().back(),
            (std::pair<std::string, std::string>("program", "sleep")));
}

Task<pid_t> StartAndDrop() {
  const auto process = Subprocess::Start({.argv = {"sleep", "600"}});
  EXPECT_TRUE(process);
  co_return (*process)->pid();
}

TEST(SubprocessTest, DestroyingARunningOneKillsIt) {
  EXPECT_FALSE(Exists(RunOnNewShard(StartAndDrop)));
}

Task<pid_t> StartAndKeep(std::unique_ptr<Subprocess>* keep) {
  auto process = Subprocess::Start({.argv = {"sleep", "600"}});
  EXPECT_TRUE(process);
  *keep = *std::move(process);
  co_return (*keep)->pid();
}

TEST(SubprocessTest, TheKernelKillsItWhenTheShardEnds) {
  std::unique_ptr<Subprocess> process;
  Shard shard(0);
  ASSERT_TRUE(shard.Start());
  const pid_t pid = RunOn(shard, [&] { return StartAndKeep(&process); });
  shard.Stop();
  shard.Join();
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(info.si_status, SIGKILL);
  process.reset();
  EXPECT_FALSE(Exists(pid));
}

}  // namespace
}  // namespace prism::runtime
