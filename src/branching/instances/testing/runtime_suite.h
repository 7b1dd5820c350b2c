// What every runtime promises (runtime.h), as tests: runtime_test.cc and adoption_test.cc. A
// program with these instantiates them with its runtimes, INSTANTIATE_TEST_SUITE_P(...,
// RuntimeTest, ...).
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>

#include "branching/instances/testing/cluster.h"

namespace prism::branching {

using testing::AppendText;
using testing::Copies;
using testing::InstanceHost;
using testing::Query;
using testing::ReadText;

struct RuntimeKind {
  std::string name;
  testing::MakeRuntime make;
  bool own_shared_memory = true;  // goes with the server, however that ends
  std::string end_of_killed;      // the last words about a server that was killed
  unsigned longest_start = 150;   // milliseconds, that most starts take
};

inline void PrintTo(const RuntimeKind& kind, std::ostream* out) { *out << kind.name; }

// A data directory; one for the tests of this process, since making one takes a second.
std::string StoppedTemplate();

class RuntimeTest : public ::testing::TestWithParam<RuntimeKind> {
 protected:
  static constexpr StopPatience kKillAtOnce{.fast = 0, .immediate = 0};

  // The reason of a start that has to fail, and that nothing is left of it.
  static Error FailedStart(InstanceHost& host, const InstanceSpec& spec) {
    auto instance = host.Start(spec);
    EXPECT_FALSE(instance.has_value());
    EXPECT_EQ(host.Find(spec.run_directory), std::nullopt);
    EXPECT_FALSE(testing::AnyProcessSays(spec.run_directory));
    if (!instance) return instance.error();
    host.Stop(*std::move(instance)).value();
    return {Code::kOk, "STARTED", "it started"};
  }

  Copies copies_;
  InstanceHost host_{GetParam().make};
};

}  // namespace prism::branching
