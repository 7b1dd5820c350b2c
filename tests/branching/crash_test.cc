// Kills a Prism that makes, starts and stops branches, at each of its steps: the next one finds the
// old state or the new, and nothing that nobody knows of.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "base/testing/rounds.h"
#include "base/unique_fd.h"
#include "branching/doctor/comparison.h"
#include "tests/branching/house.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using prism::testing::PostgresServer;
using testing::Ask;
using testing::AwaitTrue;
using testing::Connection;
using testing::Ground;
using testing::House;

constexpr std::array<std::string_view, 18> kBranchSteps = {
    "branch-begun",       "removal-deleted",  "branch-cloned",   "server-started",
    "branch-named",       "server-stopped",   "removal-begun",   "spare-begun",
    "branch-changed",     "branch-there",     "spare-cloned",    "removal-stopped",
    "snapshot-begun",     "snapshot-cloned",  "snapshot-frozen", "replacement-begun",
    "replacement-cloned", "replacement-there"};
constexpr std::array<std::string_view, 4> kGenerationSteps = {
    "generation-begun", "generation-imported", "generation-started", "generation-frozen"};
// The first of a generation's steps are those of the source that is there already.
constexpr std::array<std::pair<std::string_view, int>, 11> kSourceSteps = {
    {{"source-begun", 1},
     {"generation-begun", 2},
     {"generation-imported", 2},
     {"generation-started", 2},
     {"generation-frozen", 2},
     {"source-there", 1},
     {"source-removing", 1},
     {"removal-stopped", 1},
     {"removal-deleted", 1},
     {"source-gone", 1},
     {"never", 1}}};
constexpr int kNames = 12;
constexpr int kVisits = 12;

// Where a process kills itself: after the nth time that it has done the step.
struct Fault {
  std::string_view step;
  int nth = 1;
};

std::function<void(std::string_view)> KillAt(const Fault& fault) {
  auto left = std::make_shared<std::atomic<int>>(fault.nth);
  return [step = fault.step, left](std::string_view done) {
    if (done == step && left->fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
  };
}

class BranchCrashStress : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<PostgresServer>();
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    Ask(admin, "CREATE TABLE marks(mark int)");
    postgres->Stop();
  }
  static void TearDownTestSuite() { postgres.reset(); }

  // Runs `body` in a process of its own, which ends by a SIGKILL; answers what it said.
  std::string InDoomedProcess(const std::function<void(int said)>& body) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    base::UniqueFd from(pipe[0]);
    base::UniqueFd to(pipe[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      body(to.get());
      ::kill(::getpid(), SIGKILL);
    }
    to.reset();
    std::string said;
    std::array<char, 4096> part;
    for (ssize_t got; (got = ::read(from.get(), part.data(), part.size())) > 0;)
      said.append(part.data(), static_cast<std::size_t>(got));
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    return said;
  }

  // Visits branches and says so: "NAME MARK\n" for each mark that was acknowledged, "NAME -\n"
  // before it deletes one, "NAME ?NEW\n" before it renames one, and then "NAME =NEW\n" for the
  // name that it has.
  void Visit(int said, const Fault& fault, unsigned seed) {
    std::minstd_rand random(seed);
    House house(*ground_, postgres->data_directory(),
                {.warm_pool = random() % 2, .idle_timeout = 20 * kNanosPerMilli, .undo_period = 1},
                KillAt(fault));
    const auto say = [said](const std::string& line) {
      EXPECT_EQ(::write(said, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    };
    for (int i = 0; i < kVisits; ++i) {
      const std::string name = "b" + std::to_string(random() % kNames);
      if (random() % 4 == 0) {
        say(name + " -\n");
        // It may not be there, or busy.
        (void)house.Delete(name, Deletion{.force = true, .purge = random() % 2 == 0});
        continue;
      }
      if (random() % 4 == 0) {
        Replace(house, name);
        continue;
      }
      if (random() % 4 == 0) {
        const std::string to = "b" + std::to_string(random() % kNames);
        say(name + " ?" + to + "\n");
        say(name + " =" + (house.Rename(name, to) ? to : name) + "\n");
        continue;
      }
      const std::string mark = std::to_string(random() % 1'000'000);
      // Most have a parent, if that is there.
      const std::string from = "b" + std::to_string(random() % kNames);
      if (random() % 2 == 0) (void)house.Create(name, from);
      if (house.AskIn(name, "INSERT INTO marks VALUES(" + mark + ")") != "INSERT 0 1") continue;
      say(name + " " + mark + "\n");
    }
  }

  // Puts what a branch has in it once more, by a snapshot: whatever happens, it has it.
  static void Replace(House& house, const std::string& name) {
    const auto taken = house.TakeSnapshot(name);
    if (taken) (void)house.Restore(name, taken->name, true);
    const auto snapshots = house.manager().Snapshots(name);
    for (const Snapshot& snapshot : snapshots.value_or(std::vector<Snapshot>())) {
      (void)house.DeleteSnapshot(name, snapshot.name);
    }
  }

  // What the child was told is there, and nothing else is.
  void Verify(const std::string& said) {
    House house(*ground_, postgres->data_directory(), {});
    ASSERT_TRUE(house.started()) << house.started().error().ToString();
    std::map<std::string, std::set<std::string>> marks;
    std::pair<std::string, std::string> renaming;
    std::istringstream lines(said);
    for (std::string name, mark; lines >> name >> mark;) {
      renaming = {};
      if (mark == "-") {
        marks[name].clear();
      } else if (mark.starts_with('?')) {
        renaming = {name, mark.substr(1)};
      } else if (mark.starts_with('=')) {
        auto moved = std::exchange(marks[name], {});
        marks[mark.substr(1)].merge(moved);
      } else {
        marks[name].insert(mark);
      }
    }
    const auto [before, after] = renaming;
    const auto is_there = [&house](const std::string& name) {
      return std::ranges::any_of(house.manager().List(), [&name](const BranchStatus& status) {
        return status.branch.name == name;
      });
    };
    if (is_there(after) && !is_there(before)) marks[after] = std::exchange(marks[before], {});
    for (const auto& [name, acknowledged] : marks) {
      for (const std::string& mark : acknowledged) {
        EXPECT_EQ(house.AskIn(name, "SELECT count(*) > 0 FROM marks WHERE mark = " + mark), "t")
            << name << " " << mark;
      }
    }
    const auto generations = house.journal().Generations();
    ASSERT_TRUE(generations);
    EXPECT_EQ(generations->size(), 1u);
    EXPECT_TRUE(Examine(true).empty());
  }

  // What the doctor would say; not what is well.
  std::vector<Finding> Examine(bool in_use) {
    const auto journal = sqlite::Connection::Open(
        {.path = ground_->File("branches.db"), .access = sqlite::Access::kReader});
    EXPECT_TRUE(journal) << journal.error().ToString();
    const auto recorded = ReadRecordedVolumes(**journal);
    EXPECT_TRUE(recorded) << recorded.error().ToString();
    const auto there = LookAround(ground_->file_system->path() + "/store", ground_->File("run"));
    EXPECT_TRUE(there) << there.error().ToString();
    std::vector<Finding> findings = Compare(*recorded, *there, in_use);
    for (const Finding& finding : findings) {
      // Whoever is killed loses nothing, and leaves nothing that the next start does not know.
      EXPECT_TRUE(finding.mendable) << finding.about << ": " << finding.says;
      EXPECT_EQ(finding.says.find("is not in the store"), std::string::npos) << finding.about;
    }
    return findings;
  }

  // No server of ours is left when all rest.
  void EndAll() {
    House house(*ground_, postgres->data_directory(), {.idle_timeout = 1});
    AwaitTrue([&] {
      return std::ranges::all_of(house.manager().List(), [](const BranchStatus& branch) {
        return branch.state == BranchState::kStopped || branch.state == BranchState::kDeleted;
      });
    });
    // The brackets keep the pattern from finding itself.
    const std::string search =
        "pgrep -f '[/]" + ground_->file_system->path().substr(1) + "/store' > /dev/null";
    EXPECT_NE(std::system(search.c_str()), 0);
  }

  void KillAtEachStep(std::int64_t rounds) {
    std::random_device device;
    const unsigned seed = device();
    std::minstd_rand random(seed);
    for (std::int64_t round = 0; round < rounds; ++round) {
      const Fault fault = {kBranchSteps[static_cast<std::size_t>(round) % kBranchSteps.size()],
                           1 + static_cast<int>(random() % 3)};
      SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round) + " " +
                   std::string(fault.step) + " " + std::to_string(fault.nth));
      const unsigned visits = random();
      const std::string said = InDoomedProcess([&](int out) { Visit(out, fault, visits); });
      Examine(false);
      ASSERT_NO_FATAL_FAILURE(Verify(said));
      if (HasFailure()) break;
    }
    EndAll();
  }

  // Adds a source of that kind, says so, and removes it again.
  void AddAndRemove(int said, const Fault& fault, const AddedSource& added) {
    House house(*ground_, postgres->data_directory(), {}, KillAt(fault));
    if (house.AddSource(added)) EXPECT_EQ(::write(said, "+", 1), 1);
    (void)house.RemoveSource(added.name);
  }

  // It is there whole, or it can be added; nothing else is left of it.
  void VerifySource(const AddedSource& added, bool may_be_gone) {
    House house(*ground_, postgres->data_directory(), {});
    ASSERT_TRUE(house.started()) << house.started().error().ToString();
    const bool there = house.manager().ListSources().size() == 2;
    EXPECT_TRUE(there || may_be_gone);
    EXPECT_EQ(house.storage().List()->size(), there ? 2u : 1u);
    if (!there) {
      const auto again = house.AddSource(added);
      ASSERT_TRUE(again) << again.error().ToString();
    }
    const auto branch = house.Create("of-it", added.name);
    ASSERT_TRUE(branch) << branch.error().ToString();
    EXPECT_EQ(branch->branch.source, added.name);
    EXPECT_TRUE(Examine(true).empty());
    ASSERT_TRUE(house.Delete("of-it"));
    ASSERT_TRUE(house.RemoveSource(added.name, true));
  }

  // Damages what new branches begin with, and asks for one until that is made again.
  void MeetDamage(const Fault& fault) {
    House house(*ground_, postgres->data_directory(), {}, KillAt(fault));
    const std::string volume = *house.storage().Path(house.journal().Generations()->front());
    EXPECT_EQ(std::system(("btrfs property set -ts " + volume + " ro false").c_str()), 0);
    for (const auto& entry : std::filesystem::directory_iterator(volume + "/pg_wal")) {
      if (entry.is_regular_file()) std::filesystem::resize_file(entry.path(), 0);
    }
    AwaitTrue([&] { return house.AskIn("new", "SELECT count(*) FROM marks") == "0"; });
  }

  // The branch that met it has what it had, or other data instead; both leave nothing behind.
  void VerifyDamaged(bool is_replaced) {
    House house(*ground_, postgres->data_directory(), {});
    ASSERT_TRUE(house.started()) << house.started().error().ToString();
    EXPECT_EQ(house.AskIn("new", "SELECT count(*) FROM marks") == "0", is_replaced);
    EXPECT_TRUE(house.manager().Snapshots("new")->empty());
    EXPECT_EQ(house.AskIn("next", "SELECT count(*) FROM marks"), "0");
    EXPECT_TRUE(Examine(true).empty());
  }

  static inline std::unique_ptr<PostgresServer> postgres;
  std::unique_ptr<Ground> ground_ = std::make_unique<Ground>();
};

TEST_F(BranchCrashStress, EveryStepLeavesTheOldStateOrTheNew) {
  KillAtEachStep(base::Rounds(kBranchSteps.size(), 500));
}

TEST_F(BranchCrashStress, EveryStepOnOverlaysLeavesTheOldStateOrTheNew) {
  ground_ = std::make_unique<Ground>("ext4", "overlay");
  KillAtEachStep(base::Rounds(kBranchSteps.size(), 500));
}

TEST_F(BranchCrashStress, EveryStepOnZfsLeavesTheOldStateOrTheNew) {
  ground_ = std::make_unique<Ground>("zfs", "zfs");
  KillAtEachStep(base::Rounds(12, 250));
}

TEST_F(BranchCrashStress, AGenerationIsThereWholeOrMadeAgain) {
  for (const std::string_view step : kGenerationSteps) {
    SCOPED_TRACE(step);
    ground_ = std::make_unique<Ground>();
    InDoomedProcess(
        [&](int) { const House house(*ground_, postgres->data_directory(), {}, KillAt({step})); });
    Examine(false);
    ASSERT_NO_FATAL_FAILURE(Verify(""));
  }
}

TEST_F(BranchCrashStress, ADamagedBranchIsMadeAgainOrStays) {
  for (const std::string_view step :
       {"replacement-cloned", "replacement-there", "removal-stopped"}) {
    SCOPED_TRACE(step);
    ground_ = std::make_unique<Ground>();
    InDoomedProcess([&](int) { MeetDamage({step}); });
    Examine(false);
    ASSERT_NO_FATAL_FAILURE(VerifyDamaged(step != "replacement-cloned"));
    EndAll();
  }
}

TEST_F(BranchCrashStress, ASourceIsThereWholeOrNotAtAll) {
  const AddedSource added = {
      .name = "other", .kind = "template", .path = postgres->data_directory()};
  for (const auto& [step, nth] : kSourceSteps) {
    SCOPED_TRACE(step);
    ground_ = std::make_unique<Ground>();
    const Fault fault = {step, nth};
    const std::string said = InDoomedProcess([&](int out) { AddAndRemove(out, fault, added); });
    Examine(false);
    // Its removal has begun when nothing stopped what came before.
    const bool may_be_gone = said.empty() || step.starts_with("removal") || step == "never" ||
                             step == "source-removing" || step == "source-gone";
    ASSERT_NO_FATAL_FAILURE(VerifySource(added, may_be_gone));
  }
}

TEST_F(BranchCrashStress, NoServerOfASourceThatWasNotAddedIsLeft) {
  for (const std::string_view step : {"generation-imported", "source-removing"}) {
    SCOPED_TRACE(step);
    ground_ = std::make_unique<Ground>();
    ::chmod(ground_->directory.path().c_str(), 0755);
    const AddedSource added = {
        .name = "other", .kind = "managed", .path = ground_->File("managed")};
    const Fault fault = {step, step == "source-removing" ? 1 : 2};
    InDoomedProcess([&](int out) { AddAndRemove(out, fault, added); });
    // The brackets keep the pattern from finding itself.
    const std::string search = "pgrep -f '[/]" + added.path.substr(1) + "' > /dev/null";
    EXPECT_EQ(std::system(search.c_str()), 0);
    ASSERT_NO_FATAL_FAILURE(Verify(""));
    EXPECT_NE(std::system(search.c_str()), 0);
  }
}

}  // namespace
}  // namespace prism::branching
