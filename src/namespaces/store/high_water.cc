#include "namespaces/store/high_water.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "namespaces/store/table.h"
#include "sqlite/data_directory.h"
#include "sqlite/row_hash.h"

namespace prism::namespaces {

namespace {

constexpr std::size_t kPlaceBytes =
    512;  // a sector: written whole or not at all, but for accidents
constexpr std::size_t kPlaces = 2;
constexpr std::string_view kFormat = "prism-config-revision-1";

Error Unreadable(const std::string& path, std::string_view verb) {
  return {Code::kFailedPrecondition, "FILE_UNREADABLE",
          fmt::format("{}: can't {} it ({}): the server's user must own it and its directory", path,
                      verb, std::strerror(errno))};
}

std::string Checksum(const HighWater& mark) {
  return sqlite::RowHash()
      .Text(kFormat)
      .Text(mark.store_id)
      .Int(mark.revision)
      .Text(mark.history_hash)
      .Checksum();
}

std::string Format(const HighWater& mark) {
  std::string text = fmt::format("{} {} {} {} {}\n", kFormat, mark.store_id, mark.revision,
                                 mark.history_hash, Checksum(mark));
  text.resize(kPlaceBytes, '\0');
  return text;
}

std::optional<HighWater> Parse(const std::string& place) {
  std::istringstream in(place.substr(0, place.find('\n')));
  std::string format;
  std::string checksum;
  HighWater mark;
  in >> format >> mark.store_id >> mark.revision >> mark.history_hash >> checksum;
  if (in.fail() || format != kFormat || checksum != Checksum(mark)) return std::nullopt;
  return mark;
}

}  // namespace

Result<HighWaterFile> HighWaterFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(Unreadable(path, "open"));
  HighWaterFile file(path, fd);
  TRY(sqlite::SyncParentDirectory(path));
  return file;
}

HighWaterFile::HighWaterFile(HighWaterFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

HighWaterFile::~HighWaterFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::optional<HighWater>> HighWaterFile::Read() const {
  std::array<char, kPlaces * kPlaceBytes> bytes{};
  const ssize_t got = ::pread(fd_, bytes.data(), bytes.size(), 0);
  if (got < 0) return std::unexpected(Unreadable(path_, "read"));
  std::optional<HighWater> newest;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    const auto mark = Parse(std::string(bytes.data() + place * kPlaceBytes, kPlaceBytes));
    if (mark && (!newest || mark->revision > newest->revision)) newest = mark;
  }
  const bool empty =
      std::string_view(bytes.data(), static_cast<std::size_t>(got)).find_first_not_of('\0') ==
      std::string_view::npos;
  if (!newest && !empty) {
    return std::unexpected(StoreDamaged(fmt::format("{} holds no revision", path_)));
  }
  return newest;
}

Status HighWaterFile::Write(const HighWater& mark) const {
  const std::string text = Format(mark);
  const auto place = static_cast<std::size_t>(mark.revision) % kPlaces;
  const ssize_t written =
      ::pwrite(fd_, text.data(), text.size(), static_cast<off_t>(place * kPlaceBytes));
  if (written != static_cast<ssize_t>(text.size())) {
    return std::unexpected(Unreadable(path_, "write"));
  }
  if (::fdatasync(fd_) != 0) return std::unexpected(Unreadable(path_, "sync"));
  return {};
}

}  // namespace prism::namespaces
