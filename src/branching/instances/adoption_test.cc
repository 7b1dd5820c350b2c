// Whoever started an instance may die at any moment; another process takes it over.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <utility>

#include "branching/instances/process_tree.h"
#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"

namespace prism::branching {
namespace {

// Starts the instance in a process of its own, which says so by ending its output, and stays.
class Starter {
 public:
  Starter(const InstanceSpec& spec, const testing::MakeRuntime& make) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      InstanceHost host(make);
      const auto instance = host.Start(spec);
      ::close(ends[1]);
      while (true) ::pause();
    }
    ::close(ends[1]);
    started_ = ends[0];
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;
  ~Starter() {
    if (pid_ > 0) Kill();
    ::close(started_);
  }

  // True when it had started before this many milliseconds were over.
  bool Wait(int milliseconds) const {
    pollfd end{.fd = started_, .events = POLLIN, .revents = 0};
    return ::poll(&end, 1, milliseconds) == 1;
  }
  void Kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_;
  int started_;
};

}  // namespace

TEST_P(RuntimeTest, AnInstanceOutlivesItsStarterAndIsAdopted) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  {
    const Starter starter(spec, GetParam().make);
    ASSERT_TRUE(starter.Wait(60'000));
  }
  InstanceHost host(GetParam().make);
  const auto found = host.Find(spec.run_directory);
  ASSERT_TRUE(found && *found);
  InstanceIdentity other = **found;
  ++other.start_time;
  const auto stranger = host.Adopt(spec.run_directory, other);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().reason(), "INSTANCE_GONE");

  auto instance = host.Adopt(spec.run_directory, **found);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SHOW cluster_name"), "a");
  EXPECT_EQ(host.Start(spec).error().reason(), "INSTANCE_RUNNING");
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
  EXPECT_EQ(host.Find(spec.run_directory), std::nullopt);
  EXPECT_EQ(host.Adopt(spec.run_directory, **found).error().reason(), "INSTANCE_GONE");
}

TEST_P(RuntimeTest, AProcessThatIsNoInstanceIsNotAdopted) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  std::filesystem::create_directories(spec.run_directory);
  testing::AppendText(spec.run_directory + "/lock", std::to_string(::getpid()));
  InstanceHost host(GetParam().make);
  EXPECT_EQ(host.Find(spec.run_directory), std::nullopt);
  const InstanceIdentity self{::getpid(), *ProcessStartTime(::getpid())};
  EXPECT_EQ(host.Adopt(spec.run_directory, self).error().reason(), "INSTANCE_GONE");
}

// The lock is the truth: either it is free and nothing runs, or who holds it can be taken over.
TEST_P(RuntimeTest, WheneverTheStarterIsKilledNothingIsLost) {
  constexpr int kRounds = 20;
  std::mt19937 random(20);
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  int adopted = 0;
  for (int round = 0; round < kRounds; ++round) {
    {
      Starter starter(spec, GetParam().make);
      const auto wait = static_cast<int>(random() % GetParam().longest_start);
      starter.Wait(round == 0 ? 60'000 : wait);  // the first one has started in any case
      starter.Kill();
    }
    InstanceHost host(GetParam().make);
    const auto found = host.Find(spec.run_directory);
    ASSERT_TRUE(found) << found.error().ToString();
    if (!*found) {
      ASSERT_FALSE(testing::AnyProcessSays(spec.run_directory)) << "round " << round;
      continue;
    }
    ++adopted;
    auto instance = host.Adopt(spec.run_directory, **found);
    ASSERT_TRUE(instance) << instance.error().ToString();
    const auto stopped = host.Stop(*std::move(instance));
    ASSERT_TRUE(stopped) << stopped.error().ToString();
    ASSERT_EQ(host.Find(spec.run_directory), std::nullopt) << "round " << round;
    ASSERT_FALSE(testing::AnyProcessSays(spec.run_directory)) << "round " << round;
  }
  EXPECT_GT(adopted, 0);
  InstanceHost host(GetParam().make);
  auto instance = host.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
}

}  // namespace prism::branching
