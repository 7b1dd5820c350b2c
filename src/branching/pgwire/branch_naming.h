// How a connection says which branch it wants.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "branching/pgwire/startup_message.h"

namespace prism::branching {

inline constexpr std::size_t kMaxBranchName = 63;
inline constexpr std::size_t kMaxBranchLabel = 255;

// A branch as it is called: [a-z0-9][a-z0-9_-]{0,62}. What is spelled otherwise ("feature/X-12") is
// folded to that and ends in 48 bits of its SHA-256, so that it is the same every time and others
// are not mistaken for it.
class BranchName {
 public:
  // Fails with BAD_BRANCH_NAME: empty, longer than 255 bytes, not UTF-8, or with control
  // characters.
  static Result<BranchName> From(std::string_view original);

  const std::string& name() const { return name_; }
  // As it was spelled.
  const std::string& label() const { return label_; }
  // Whether the branch that exists by `name` and was made by `label` is meant: by that label, or by
  // the name itself. A branch whose name is the same for any other reason is not: answer
  // BRANCH_NAME_TAKEN.
  bool Means(std::string_view name, std::string_view label) const {
    return name == name_ && (label == label_ || label_ == name_);
  }

  bool operator==(const BranchName&) const = default;

 private:
  BranchName(std::string name, std::string_view label) : name_(std::move(name)), label_(label) {}

  std::string name_;
  std::string label_;
};

// Names that no branch gets, since they mean something else where branches are named.
bool IsReservedBranchName(std::string_view name);

// What a connection asks for.
struct BranchRequest {
  std::optional<BranchName> branch;  // none: it names none
  std::optional<std::string> from;   // a branch, a snapshot or a time, not looked at yet
  std::optional<std::chrono::milliseconds> ttl;
  StartupMessage message;  // for the server: names without the branch, none of our settings
};

// The branch is named in the user or the database after an @ (a literal one is written @@), in the
// name of the host below `domain`, or in the setting prism.branch; all that name one must name the
// same. `server_name` is that of TLS (SNI), empty when there was none; an empty `domain` ignores
// it. Settings are options (`-c prism.branch=x`) or startup parameters of their own, as some
// drivers send them. Fails with BAD_BRANCH_NAME, BRANCH_NAMED_TWICE, BAD_BRANCH_OPTION or NO_USER.
Result<BranchRequest> ReadBranchRequest(StartupMessage message, std::string_view server_name,
                                        std::string_view domain);

}  // namespace prism::branching
