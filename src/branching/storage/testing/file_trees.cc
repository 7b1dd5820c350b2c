#include "branching/storage/testing/file_trees.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/check.h"

namespace prism::branching::testing {
namespace {

namespace fs = std::filesystem;

void Must(bool done) { PRISM_CHECK(done, "the test can't make its files: see errno"); }

std::string DescribeOne(const std::string& path) {
  struct stat status = {};
  Must(::lstat(path.c_str(), &status) == 0);
  std::string what =
      fmt::format("mode {:o} owner {}:{}", status.st_mode, status.st_uid, status.st_gid);
  if (S_ISLNK(status.st_mode)) return what + " to " + fs::read_symlink(path).string();
  what += fmt::format(" time {}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  if (!S_ISREG(status.st_mode)) return what;
  return what + fmt::format(" size {} hash {:x} names {}", status.st_size,
                            std::hash<std::string>()(ReadFile(path)), status.st_nlink);
}

void MakeSocket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  Must(fd >= 0 && path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  Must(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  ::close(fd);
}

}  // namespace

void WriteFile(const std::string& path, std::string_view contents) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream out(path, std::ios::binary);
  out << contents;
  out.close();
  Must(!out.fail());
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Must(in.good());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void MakeSampleTree(const std::string& path) {
  for (int i = 0; i < 40; ++i) {
    WriteFile(fmt::format("{}/base/{}/{}", path, i % 3, i), std::string(8192 + i, 'a' + i % 26));
  }
  WriteFile(path + "/PG_VERSION", "15\n");
  WriteFile(path + "/empty file", "");
  WriteFile(path + "/sparse", "begin");
  fs::resize_file(path + "/sparse", std::uintmax_t{4} << 20);
  fs::create_directories(path + "/pg_tblspc/empty");
  fs::create_symlink("../base/1", path + "/pg_tblspc/1");
  fs::create_symlink("/nowhere", path + "/dangling");
  fs::create_hard_link(path + "/base/1/1", path + "/second name");
  MakeSocket(path + "/.s.PGSQL.5432");
  Must(::chmod((path + "/PG_VERSION").c_str(), 0440) == 0);
  Must(::chmod((path + "/pg_tblspc/empty").c_str(), 0500) == 0);
  const std::array<timespec, 2> old = {timespec{1'000'000'000, 5}, timespec{1'000'000'001, 7}};
  Must(::utimensat(AT_FDCWD, (path + "/base/2/2").c_str(), old.data(), 0) == 0);
  Must(::utimensat(AT_FDCWD, (path + "/base").c_str(), old.data(), 0) == 0);
}

std::map<std::string, std::string> Describe(const std::string& path) {
  std::map<std::string, std::string> entries = {{"", DescribeOne(path)}};
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    entries[entry.path().lexically_relative(path).string()] = DescribeOne(entry.path());
  }
  return entries;
}

}  // namespace prism::branching::testing
