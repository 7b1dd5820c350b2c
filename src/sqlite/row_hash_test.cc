#include "sqlite/row_hash.h"

#include <gtest/gtest.h>

#include <set>

namespace prism::sqlite {
namespace {

TEST(RowHash, IsTheSha256OfTypesLengthsAndValues) {
  // printf 't\0\0\0\0\0\0\0\3abci\0\0\0\0\0\0\0\7n\0\0\0\0\0\0\0\0' | sha256sum
  EXPECT_EQ(RowHash().Text("abc").Int(7).Null().Hex(),
            "49f48f243f6a8d9edc56bc783f6c67d7246f37da178a48a30c635219ca786354");
}

TEST(RowHash, TellsApartWhatLooksAlike) {
  const std::set<std::string> hashes = {
      RowHash().Hex(),
      RowHash().Null().Hex(),
      RowHash().Text("").Hex(),
      RowHash().Int(0).Hex(),
      RowHash().Text("0").Hex(),
      RowHash().Text("ab").Text("c").Hex(),
      RowHash().Text("a").Text("bc").Hex(),
      RowHash().Int(-1).Hex(),
      RowHash().Int(1).Hex(),
  };
  EXPECT_EQ(hashes.size(), 9u);
}

TEST(RowHash, ItsChecksumIsTheBeginning) {
  const std::string hex = RowHash().Text("x").Hex();
  EXPECT_EQ(hex.size(), 64u);
  EXPECT_EQ(RowHash().Text("x").Checksum(), hex.substr(0, 16));
}

}  // namespace
}  // namespace prism::sqlite
