#include "branching/storage/file_extents.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <ostream>
#include <random>
#include <vector>

namespace prism::branching::internal {
void PrintTo(const FileRange& range, std::ostream* out) {
  *out << range.begin << " to " << range.end;
}

namespace {

using Ranges = std::vector<FileRange>;

TEST(DifferentRangesTest, WhatHasTheSameBlockInTheSamePlaceIsTheSame) {
  EXPECT_EQ(DifferentRanges({}, {}), Ranges());
  EXPECT_EQ(DifferentRanges({{0, 8, 100}, {8, 16, 300}}, {{0, 8, 100}, {8, 16, 300}}), Ranges());
  // However it is cut.
  EXPECT_EQ(DifferentRanges({{4, 16, 100}}, {{4, 6, 100}, {6, 12, 102}, {12, 16, 108}}), Ranges());
}

TEST(DifferentRangesTest, OtherBlocksDiffer) {
  EXPECT_EQ(DifferentRanges({{0, 16, 100}}, {{0, 4, 100}, {4, 8, 300}, {8, 16, 108}}),
            Ranges({{4, 8}}));
  // The same block elsewhere in the file.
  EXPECT_EQ(DifferentRanges({{0, 4, 100}}, {{4, 8, 100}}), Ranges({{0, 8}}));
}

TEST(DifferentRangesTest, HolesDifferFromData) {
  EXPECT_EQ(DifferentRanges({{0, 16, 100}}, {{0, 4, 100}, {12, 16, 112}}), Ranges({{4, 12}}));
  EXPECT_EQ(DifferentRanges({{4, 8, 100}}, {}), Ranges({{4, 8}}));
  EXPECT_EQ(DifferentRanges({}, {{4, 8, 100}, {12, 16, 300}}), Ranges({{4, 8}, {12, 16}}));
}

TEST(DifferentRangesTest, NobodyKnowsWhatIsInAnUnknownPlace) {
  constexpr std::uint64_t kUnknown = FileExtent::kUnknown;
  EXPECT_EQ(DifferentRanges({{0, 8, kUnknown}}, {{0, 8, kUnknown}}), Ranges({{0, 8}}));
  EXPECT_EQ(DifferentRanges({{0, 8, 100}}, {{0, 4, kUnknown}, {4, 8, 104}}), Ranges({{0, 4}}));
}

// A file as the place of each block: none is a hole.
using Blocks = std::vector<std::optional<std::uint64_t>>;

FileExtents CutAtRandom(const Blocks& blocks, std::mt19937& random) {
  FileExtents extents;
  for (std::uint64_t i = 0; i < blocks.size(); ++i) {
    if (!blocks[i]) continue;
    const bool goes_on = !extents.empty() && extents.back().end == i &&
                         extents.back().place + (i - extents.back().begin) == *blocks[i];
    if (goes_on && random() % 2 == 0) {
      ++extents.back().end;
    } else {
      extents.push_back({i, i + 1, *blocks[i]});
    }
  }
  return extents;
}

Ranges DifferentBlocks(const Blocks& left, const Blocks& right) {
  Ranges ranges;
  for (std::uint64_t i = 0; i < left.size(); ++i) {
    if (left[i] == right[i]) continue;
    if (ranges.empty() || ranges.back().end != i) ranges.push_back({i, i});
    ++ranges.back().end;
  }
  return ranges;
}

TEST(DifferentRangesTest, IsTheSameAsLookingAtEachBlock) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  for (int round = 0; round < 20'000; ++round) {
    Blocks left(random() % 24);
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (random() % 4 != 0) left[i] = 1000 + i + 100 * (random() % 2);
    }
    Blocks right = left;
    for (std::optional<std::uint64_t>& block : right) {
      if (random() % 4 == 0) block = 5000 + random() % 3;
      if (random() % 8 == 0) block.reset();
    }
    ASSERT_EQ(DifferentRanges(CutAtRandom(left, random), CutAtRandom(right, random)),
              DifferentBlocks(left, right))
        << "round " << round;
  }
}

}  // namespace
}  // namespace prism::branching::internal
