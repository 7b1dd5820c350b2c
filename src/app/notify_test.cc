#include "app/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace prism::app {
namespace {

TEST(NotifyTest, SendsTheStateToTheManagersSocket) {
  const std::string path = testing::TempDir() + "/prism_notify_" + std::to_string(getpid());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(setenv("NOTIFY_SOCKET", path.c_str(), 1), 0);
  NotifyServiceManager("READY=1");
  unsetenv("NOTIFY_SOCKET");
  NotifyServiceManager("STOPPING=1");  // to nobody
  char buffer[64];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(got)), "READY=1");
  EXPECT_LT(recv(fd, buffer, sizeof buffer, 0), 0);
  close(fd);
  unlink(path.c_str());
}

}  // namespace
}  // namespace prism::app
