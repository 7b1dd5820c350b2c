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
// What earlier versions wrote: without the chain of others.
constexpr std::string_view kOldFormat = "prism-config-revision-1";
constexpr std::string_view kFormat = "prism-config-revision-2";
constexpr std::string_view kEmpty = "-";

Error Unreadable(const std::string& path, std::string_view verb) {
  return {Code::kFailedPrecondition, "FILE_UNREADABLE",
          fmt::format("{}: can't {} it ({}): the server's user must own it and its directory", path,
                      verb, std::strerror(errno))};
}

std::string Checksum(const HighWater& mark) {
  sqlite::RowHash row;
  row.Text(mark.chain ? kFormat : kOldFormat).Text(mark.store_id).Int(mark.revision);
  row.Text(mark.history_hash);
  if (mark.chain) row.Int(mark.chain->id).Text(mark.chain->hash);
  return row.Checksum();
}

std::string_view Word(std::string_view text) { return text.empty() ? kEmpty : text; }

std::string Format(const HighWater& mark) {
  std::string text = fmt::format("{} {} {} {}", mark.chain ? kFormat : kOldFormat,
                                 Word(mark.store_id), mark.revision, Word(mark.history_hash));
  if (mark.chain) text += fmt::format(" {} {}", mark.chain->id, Word(mark.chain->hash));
  text += fmt::format(" {}\n", Checksum(mark));
  text.resize(kPlaceBytes, '\0');
  return text;
}

std::string ReadText(std::istream& in) {
  std::string word;
  in >> word;
  return word == kEmpty ? std::string() : word;
}

std::optional<HighWater> Parse(const std::string& place) {
  std::istringstream in(place.substr(0, place.find('\n')));
  const std::string format = ReadText(in);
  if (format != kFormat && format != kOldFormat) return std::nullopt;
  HighWater mark;
  mark.store_id = ReadText(in);
  in >> mark.revision;
  mark.history_hash = ReadText(in);
  if (format == kFormat) {
    sqlite::ChainHead& chain = mark.chain.emplace();
    in >> chain.id;
    chain.hash = ReadText(in);
  }
  const std::string checksum = ReadText(in);
  if (in.fail() || checksum != Checksum(mark)) return std::nullopt;
  return mark;
}

// Both numbers only grow.
bool IsNewer(const HighWater& a, const HighWater& b) {
  const auto id = [](const HighWater& mark) { return mark.chain ? mark.chain->id : 0; };
  return std::pair(a.revision, id(a)) > std::pair(b.revision, id(b));
}

struct Places {
  std::optional<HighWater> newest;
  std::size_t of_newest = kPlaces - 1;
  bool empty = true;  // nothing was ever written
};

Result<Places> ReadPlaces(int fd, const std::string& path) {
  std::array<char, kPlaces * kPlaceBytes> bytes{};
  const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (got < 0) return std::unexpected(Unreadable(path, "read"));
  Places places;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    auto mark = Parse(std::string(bytes.data() + place * kPlaceBytes, kPlaceBytes));
    if (!mark || (places.newest && !IsNewer(*mark, *places.newest))) continue;
    places.newest = std::move(mark);
    places.of_newest = place;
  }
  places.empty =
      std::string_view(bytes.data(), static_cast<std::size_t>(got)).find_first_not_of('\0') ==
      std::string_view::npos;
  return places;
}

}  // namespace

Result<HighWaterFile> HighWaterFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(Unreadable(path, "open"));
  HighWaterFile file(path, fd);
  TRY(sqlite::SyncParentDirectory(path));
  TRY_ASSIGN(Places places, ReadPlaces(fd, path));
  file.next_place_ = (places.of_newest + 1) % kPlaces;
  file.newest_ = std::move(places.newest);
  return file;
}

HighWaterFile::HighWaterFile(HighWaterFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      next_place_(other.next_place_),
      newest_(std::move(other.newest_)) {}

HighWaterFile::~HighWaterFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::optional<HighWater>> HighWaterFile::Read() const {
  TRY_ASSIGN(Places places, ReadPlaces(fd_, path_));
  if (!places.newest && !places.empty) {
    return std::unexpected(StoreDamaged(fmt::format("{} holds no revision", path_)));
  }
  return std::move(places.newest);
}

Status HighWaterFile::Write(const HighWater& mark) {
  if (newest_ == mark) return {};
  const std::string text = Format(mark);
  const ssize_t written =
      ::pwrite(fd_, text.data(), text.size(), static_cast<off_t>(next_place_ * kPlaceBytes));
  if (written != static_cast<ssize_t>(text.size())) {
    return std::unexpected(Unreadable(path_, "write"));
  }
  if (::fdatasync(fd_) != 0) return std::unexpected(Unreadable(path_, "sync"));
  next_place_ = (next_place_ + 1) % kPlaces;
  newest_ = mark;
  return {};
}

}  // namespace prism::namespaces
