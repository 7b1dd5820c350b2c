#include "branching/doctor/comparison.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace prism::branching {
namespace {

RecordedVolume Recorded(std::string id, VolumeKind kind, std::string name,
                        bool unfinished = false) {
  return {.id = std::move(id), .kind = kind, .name = std::move(name), .unfinished = unfinished};
}

// "unwell! branch a: ..." with the exclamation mark when it can be mended.
std::vector<std::string> Told(const std::vector<Finding>& findings) {
  std::vector<std::string> told;
  for (const Finding& each : findings) {
    const std::string health = each.health == Health::kUnwell ? "unwell" : "note";
    told.push_back(health + (each.mendable ? "! " : " ") + each.about + ": " + each.says);
  }
  return told;
}

TEST(ComparisonTest, WhatAgreesIsNoNews) {
  const std::vector<RecordedVolume> recorded{
      Recorded("g-1", VolumeKind::kGeneration, "g-1"),
      Recorded("b-1", VolumeKind::kBranch, "review"),
      Recorded("s-1", VolumeKind::kSnapshot, "review/monday"),
  };
  const WhatIsThere there{.store = {.volumes = {"b-1", "g-1", "s-1"}, .pieces = 0},
                          .servers = {{"b-1", 77}}};
  EXPECT_TRUE(Compare(recorded, there, false).empty());
}

TEST(ComparisonTest, WhatAKilledProcessLeavesCanBeMended) {
  const std::vector<RecordedVolume> recorded{
      Recorded("b-1", VolumeKind::kBranch, "half", true),
      Recorded("p-1", VolumeKind::kSpare, "p-1", true),
      Recorded("b-3", VolumeKind::kReplacement, "review", true),
  };
  const WhatIsThere there{.store = {.volumes = {"b-1"}, .pieces = 2}, .servers = {{"p-1", 0}}};
  EXPECT_EQ(Told(Compare(recorded, there, false)),
            (std::vector<std::string>{
                "unwell! branch half: a process was killed while it made or removed this",
                "unwell! spare p-1: a process was killed while it made or removed this",
                "unwell! new data of review: a process was killed while it made or removed this",
                "unwell! store: killed processes left 2 unfinished volumes",
            }));
}

TEST(ComparisonTest, WhatAServerIsDoingIsNoLeftover) {
  const std::vector<RecordedVolume> recorded{Recorded("b-1", VolumeKind::kBranch, "half", true),
                                             Recorded("p-1", VolumeKind::kSpare, "p-1", true)};
  const WhatIsThere there{.store = {.volumes = {"p-1"}, .pieces = 1},
                          .servers = {{"b-1", 5}, {"b-2", std::nullopt}, {"p-1", 7}}};
  EXPECT_EQ(Told(Compare(recorded, there, true)),
            (std::vector<std::string>{
                "note branch half: the server that runs is making or removing it"}));
}

TEST(ComparisonTest, WhatIsLostIsToldWithWhatBecomesOfIt) {
  const std::vector<RecordedVolume> recorded{
      Recorded("g-1", VolumeKind::kGeneration, "g-1"),
      Recorded("b-1", VolumeKind::kBranch, "bare"),
      Recorded("b-2", VolumeKind::kBranch, "kept"),
      Recorded("s-1", VolumeKind::kSnapshot, "bare/gone"),
      Recorded("s-2", VolumeKind::kSnapshot, "kept/monday"),
  };
  const WhatIsThere there{.store = {.volumes = {"s-2"}, .pieces = 0}, .servers = {}};
  const std::vector<Finding> findings = Compare(recorded, there, false);
  EXPECT_EQ(Told(findings), (std::vector<std::string>{
                                "unwell generation g-1: its volume g-1 is not in the store",
                                "unwell! branch bare: its volume b-1 is not in the store",
                                "unwell! branch kept: its volume b-2 is not in the store",
                                "unwell! snapshot bare/gone: its volume s-1 is not in the store",
                            }));
  EXPECT_EQ(findings[1].advice, "it is forgotten: there is nothing that it could be had back from");
  EXPECT_EQ(findings[2].advice, "it gets the data of its newest snapshot");
}

TEST(ComparisonTest, AStoreThatIsNotMountedIsNotLost) {
  const std::vector<RecordedVolume> recorded{
      Recorded("g-1", VolumeKind::kGeneration, "g-1"),
      Recorded("b-1", VolumeKind::kBranch, "kept"),
  };
  const WhatIsThere there{.store = {.volumes = {}, .pieces = 0}, .servers = {}};
  EXPECT_EQ(Told(Compare(recorded, there, false)),
            (std::vector<std::string>{
                "unwell store: the journal knows of branches, and the store has none at all"}));
}

TEST(ComparisonTest, WhatNobodyNamesStaysButForServers) {
  const WhatIsThere there{.store = {.volumes = {"b-9"}, .pieces = 0},
                          .servers = {{"b-8", std::nullopt}, {"b-9", 41}}};
  EXPECT_EQ(Told(Compare({}, there, false)),
            (std::vector<std::string>{
                "note volume b-9: the journal does not name it, so it is never touched",
                "unwell! run directory b-8: it is of no volume that the journal names",
                "unwell! run directory b-9: process 41 serves a volume that the journal does not "
                "name",
            }));
}

}  // namespace
}  // namespace prism::branching
