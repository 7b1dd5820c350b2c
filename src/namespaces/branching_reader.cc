#include "namespaces/branching_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "namespaces/map_reader.h"
#include "namespaces/text_bounds.h"

namespace prism::namespaces {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kMaxPathBytes = 4096;   // PATH_MAX
constexpr std::size_t kMaxRoleBytes = 63;     // NAMEDATALEN - 1
constexpr std::size_t kMaxBranchBytes = 255;  // of a name as people spell it
constexpr std::size_t kMaxDomainBytes = 253;  // RFC 1035 section 2.3.4, without the last dot
constexpr std::size_t kMaxPatterns = 100;
constexpr std::size_t kMaxBinDirs = 100;
// mkfs.btrfs wants 109 MiB; less than this holds no database with its branches.
constexpr std::uint64_t kMinStoreBytes = std::uint64_t{1} << 28;
constexpr std::uint64_t kMaxStoreBytes = std::uint64_t{1} << 50;

std::optional<std::string> WhenEmpty(std::string_view text) {
  if (!text.empty()) return std::nullopt;
  return "is empty: leave it out for its default";
}

std::optional<std::string> WhenNoDomain(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto may_be_in = [&](char c) { return is_letter(c) || c == '-' || c == '.'; };
  if (!text.empty() && std::ranges::all_of(text, may_be_in) && is_letter(text.front()) &&
      is_letter(text.back())) {
    return std::nullopt;
  }
  return "must be the end of the names of hosts that stand for branches, like db.example.com";
}

class Reader {
 public:
  Reader(const YamlValue& value, Problems& problems)
      : reader_(value, "branching", problems), problems_(problems) {}

  BranchingConfig Read() {
    config_.listen = reader_.Text("listen", kMaxPathBytes, WhenEmpty);
    config_.source = reader_.Text("source", kMaxPathBytes, WhenEmpty);
    config_.superuser = reader_.Text("superuser", kMaxRoleBytes, WhenEmpty);
    ReadStorage(reader_.Take("storage"));
    config_.runtime = reader_.OneOf("runtime", {"process"});
    config_.user = reader_.Text("user", kMaxTextBytes, WhenEmpty);
    config_.pg_bin_dirs = reader_.TextList("pg_bin_dirs", kMaxBinDirs, kMaxPathBytes);
    config_.idle_timeout = reader_.Duration("idle_timeout", seconds(1), hours(24 * 30));
    config_.hold_timeout = reader_.Duration("hold_timeout", seconds(1), hours(1));
    config_.default_branch = reader_.Text("default", kMaxBranchBytes, WhenEmpty);
    config_.domain = reader_.Text("domain", kMaxDomainBytes, WhenNoDomain);
    config_.max_connections = reader_.Number("max_connections", 1, 1'000'000);
    config_.max_branches = reader_.Number("max_branches", 1, 100'000);
    config_.max_branches_per_owner = reader_.Number("max_branches_per_owner", 1, 100'000);
    config_.warm_pool = reader_.Number("warm_pool", 0, 100);
    config_.refresh_interval = reader_.Duration("refresh_interval", seconds(1), hours(24 * 30));
    config_.keep_generations = reader_.Number("keep_generations", 1, 1000);
    config_.auto_create = reader_.TextList("auto_create", kMaxPatterns, kMaxBranchBytes);
    config_.profile = reader_.OneOf("profile", {"disposable", "durable"});
    config_.control_listen = reader_.Text("control_listen", kMaxPathBytes);
    config_.tls = reader_.Bool("tls");
    config_.tls_required = reader_.Bool("tls_required");
    reader_.Refuse("image", "servers run as processes of this machine, not as containers");
    reader_.Refuse("docker", "servers run as processes of this machine, not as containers");
    reader_.Refuse("allow_source", "nobody connects to the source itself; see default");
    reader_.Finish();
    return std::move(config_);
  }

 private:
  void ReadStorage(const YamlValue* value) {
    if (value == nullptr) return;
    MapReader storage(*value, "branching.storage", problems_);
    config_.storage_path = storage.Text("path", kMaxPathBytes, WhenEmpty);
    config_.storage_size = storage.Size("size", kMinStoreBytes, kMaxStoreBytes);
    storage.Finish();
  }

  MapReader reader_;
  Problems& problems_;
  BranchingConfig config_;
};

}  // namespace

BranchingConfig ReadBranching(const YamlValue& value, Problems& problems) {
  return Reader(value, problems).Read();
}

}  // namespace prism::namespaces
