#include "base/os_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace prism::base {
namespace {

TEST(OsError, SaysWhatFailedWhyAndUnderWhichName) {
  const Error error = OsError(ENOENT, "CONFIG_UNREADABLE", "opening /etc/prism.yaml");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.reason(), "CONFIG_UNREADABLE");
  EXPECT_EQ(error.message(), "opening /etc/prism.yaml: No such file or directory (ENOENT)");
  ASSERT_EQ(error.metadata().size(), 1U);
  EXPECT_EQ(error.metadata()[0], (std::pair<std::string, std::string>("errno", "ENOENT")));
}

TEST(OsError, MapsNumbersToTheCodesThatClientsActOn) {
  EXPECT_EQ(OsError(EACCES, "R", "w").code(), Code::kPermissionDenied);
  EXPECT_EQ(OsError(EMFILE, "R", "w").code(), Code::kResourceExhausted);
  EXPECT_EQ(OsError(ECONNREFUSED, "R", "w").code(), Code::kUnavailable);
  EXPECT_EQ(OsError(EADDRINUSE, "R", "w").code(), Code::kAlreadyExists);
  EXPECT_EQ(OsError(EBADF, "R", "w").code(), Code::kInternal);
}

TEST(OsError, NamesNumbersThatNobodyKnows) {
  EXPECT_EQ(OsError(4711, "R", "reading").message(), "reading: unknown error (errno 4711)");
}

}  // namespace
}  // namespace prism::base
