#include "rpc/wire/gzip.h"

#include <gtest/gtest.h>

#include <random>

namespace prism::rpc {
namespace {

std::string Compressed(std::string_view bytes) {
  std::string out;
  Gzip(bytes, out);
  return out;
}

TEST(Gzip, RoundTripsAllSizes) {
  std::mt19937 random(7);
  for (std::size_t size : {0u, 1u, 100u, 4095u, 4096u, 4097u, 70'000u, 3'000'000u}) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 20);
    std::string out = "left over";
    ASSERT_TRUE(Gunzip(Compressed(bytes), size, out)) << size;
    EXPECT_EQ(out, bytes);
  }
}

TEST(Gzip, StopsABombAtTheLimit) {
  const std::string bomb = Compressed(std::string(64 << 20, 'x'));
  ASSERT_LT(bomb.size(), 1u << 20);
  std::string out;
  const Status status = Gunzip(bomb, 1 << 20, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "MESSAGE_TOO_LARGE");
  EXPECT_LT(out.capacity(), 1000u) << "it said how large it is: nothing was unpacked";
}

// A bomb that says it is small.
TEST(Gzip, UnpacksNoMoreThanWasDeclared) {
  std::string bomb = Compressed(std::string(1 << 20, 'x'));
  bomb.replace(bomb.size() - 4, 4, std::string("\x10\0\0\0", 4));
  std::string out;
  const Status status = Gunzip(bomb, 4 << 20, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "GZIP_MALFORMED");
  EXPECT_LT(out.capacity(), 1000u);
}

TEST(Gzip, AcceptsExactlyTheLimit) {
  std::string out;
  EXPECT_TRUE(Gunzip(Compressed(std::string(5000, 'x')), 5000, out));
  EXPECT_FALSE(Gunzip(Compressed(std::string(5001, 'x')), 5000, out));
}

TEST(Gzip, RefusesWhatIsNotGzip) {
  std::string out;
  const std::string good = Compressed("some text that is long enough to be cut");
  for (const std::string& bad :
       {std::string(), std::string("plain"), good.substr(0, good.size() / 2),
        good.substr(0, good.size() - 1), good + "x"}) {
    const Status status = Gunzip(bad, 1 << 20, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().reason(), "GZIP_MALFORMED");
  }
}

}  // namespace
}  // namespace prism::rpc
