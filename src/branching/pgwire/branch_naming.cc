#include "branching/pgwire/branch_naming.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/units.h"
#include "base/utf8.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/startup_options.h"

namespace prism::branching {

namespace {

// As in the API.
constexpr std::chrono::seconds kMinTtl(1);
constexpr std::chrono::days kMaxTtl(3650);
constexpr std::size_t kHashBytes = 6;
constexpr std::size_t kMaxFolded = kMaxBranchName - 1 - 2 * kHashBytes;

// `source` is what all branches come from, `parent` what a branch comes from, `default` the branch
// of those who name none, `prism` the database of the console.
constexpr std::array<std::string_view, 4> kReserved{"default", "parent", "prism", "source"};

constexpr bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsPlainName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxBranchName && IsLetterOrDigit(text.front()) &&
         std::ranges::all_of(text,
                             [](char c) { return IsLetterOrDigit(c) || c == '_' || c == '-'; });
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// What can be kept of the original, then its hash.
std::string Fold(std::string_view original) {
  std::string folded;
  for (const char c : base::LowerCase(original)) {
    if (IsLetterOrDigit(c) || (c == '_' && !folded.empty())) {
      folded.push_back(c);
    } else if (!folded.empty() && folded.back() != '-') {
      folded.push_back('-');
    }
  }
  folded.resize(std::min(folded.size(), kMaxFolded));
  while (folded.ends_with('-')) folded.pop_back();
  if (folded.empty()) folded = "branch";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(original.data()), original.size(), hash.data());
  folded.push_back('-');
  for (std::size_t i = 0; i < kHashBytes; ++i) folded += fmt::format("{:02x}", hash[i]);
  return folded;
}

// Collects what names a branch, and what is said about it.
class Reader {
 public:
  explicit Reader(StartupMessage message) { request_.message = std::move(message); }

  Status ReadSuffix(std::string_view parameter);
  Status ReadServerName(std::string_view server_name, std::string_view domain);
  Status ReadSettings();
  BranchRequest Take() { return std::move(request_); }

 private:
  Status Name(std::string_view original);
  Status Set(std::string_view name, const std::optional<std::string>& value);

  BranchRequest request_;
};

Status Reader::Name(std::string_view original) {
  TRY_ASSIGN(BranchName name, BranchName::From(original));
  if (request_.branch && request_.branch->name() != name.name()) {
    return std::unexpected(
        Refuse(Refusal::kBranchNamedTwice,
               fmt::format("\"{}\" and \"{}\"", request_.branch->name(), name.name())));
  }
  request_.branch = std::move(name);
  return {};
}

// "name@branch": at the only @ that is not doubled.
struct Suffixed {
  std::string name;
  std::optional<std::string> branch;
};
Result<Suffixed> SplitSuffix(std::string_view text) {
  Suffixed split;
  std::string* part = &split.name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '@') {
      part->push_back(text[i]);
    } else if (text.substr(i + 1).starts_with('@')) {
      part->push_back('@');
      ++i;
    } else if (split.branch) {
      return std::unexpected(Refuse(Refusal::kBadBranchName, text));
    } else {
      part = &split.branch.emplace();
    }
  }
  return split;
}

Status Reader::ReadSuffix(std::string_view parameter) {
  const auto text = request_.message.Find(parameter);
  if (!text) return {};
  TRY_ASSIGN(Suffixed split, SplitSuffix(*text));
  if (split.branch) TRY(Name(*split.branch));
  if (parameter == "user" && split.name.empty()) return std::unexpected(Refuse(Refusal::kNoUser));
  request_.message.Replace(parameter, std::move(split.name));
  return {};
}

Status Reader::ReadServerName(std::string_view server_name, std::string_view domain) {
  if (domain.empty()) return {};
  const std::string name = base::LowerCase(server_name);
  const std::string end = "." + base::LowerCase(domain);
  if (!name.ends_with(end)) return {};
  const std::string_view label = std::string_view(name).substr(0, name.size() - end.size());
  if (label.contains('.')) return std::unexpected(Refuse(Refusal::kBadBranchName, label));
  return Name(label);
}

Status Reader::Set(std::string_view name, const std::optional<std::string>& value) {
  const auto bad = [&] {
    return std::unexpected(
        Refuse(Refusal::kBadBranchOption, fmt::format("{}={}", name, value.value_or(""))));
  };
  if (!value || value->empty()) return bad();
  if (name == "prism.branch") return Name(*value);
  if (name == "prism.from") {
    const bool usable = value->size() <= kMaxBranchLabel && base::IsValidUtf8(*value) &&
                        std::ranges::none_of(*value, IsControl);
    if (!usable || (request_.from && request_.from != value)) return bad();
    request_.from = value;
    return {};
  }
  const auto ttl = base::ParseDuration(*value);
  const bool usable = ttl && *ttl >= kMinTtl && *ttl <= kMaxTtl;
  if (name != "prism.ttl" || !usable || (request_.ttl && request_.ttl != *ttl)) return bad();
  request_.ttl = *ttl;
  return {};
}

Status Reader::ReadSettings() {
  StartupMessage& message = request_.message;
  if (const auto options = message.Find("options")) {
    StartupOptions cut = CutBranchSettings(*options);
    for (const BranchSetting& setting : cut.settings) TRY(Set(setting.name, setting.value));
    message.Replace("options", std::move(cut.rest));
  }
  std::vector<std::string> ours;
  for (const StartupParameter& parameter : message.parameters()) {
    const std::string name = base::LowerCase(parameter.name);
    if (!name.starts_with(kSettingPrefix)) continue;
    TRY(Set(name, parameter.value));
    ours.push_back(parameter.name);
  }
  for (const std::string& name : ours) message.Remove(name);
  return {};
}

}  // namespace

Result<BranchName> BranchName::From(std::string_view original) {
  if (IsPlainName(original)) return BranchName(std::string(original), original);
  if (original.empty() || original.size() > kMaxBranchLabel || !base::IsValidUtf8(original) ||
      std::ranges::any_of(original, IsControl)) {
    return std::unexpected(Refuse(Refusal::kBadBranchName, original));
  }
  return BranchName(Fold(original), original);
}

bool IsReservedBranchName(std::string_view name) {
  return std::ranges::find(kReserved, name) != kReserved.end();
}

Result<BranchRequest> ReadBranchRequest(StartupMessage message, std::string_view server_name,
                                        std::string_view domain) {
  Reader reader(std::move(message));
  TRY(reader.ReadSuffix("user"));
  TRY(reader.ReadSuffix("database"));
  TRY(reader.ReadServerName(server_name, domain));
  TRY(reader.ReadSettings());
  return reader.Take();
}

}  // namespace prism::branching
