// Who may do what in which namespace.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "security/authorizer.h"
#include "security/principal.h"
#include "security/scope.h"

namespace prism::security {

// Principals (principal.h), or `*` for whoever is authenticated. The owner has what admins have;
// admin includes write, and write includes read.
struct NamespaceAccess {
  std::string owner = {};  // empty: nobody
  std::vector<std::string> read = {};
  std::vector<std::string> write = {};
  std::vector<std::string> admin = {};

  bool operator==(const NamespaceAccess&) const = default;
};

// INVALID_ARGUMENT/BAD_PRINCIPAL with every list and text that is wrong.
Status CheckAccess(const NamespaceAccess& access);

// Deny by default. What a caller may is the lower of what the lists grant its principal and what
// the scope of its token allows; administrators of the server may everything that their scope
// allows. Immutable: a change makes another one. Thread rule: one object serves all shards. Costs
// one look-up and no allocation, but for refusals.
class AccessTable final : public Authorizer {
 public:
  using Entry = std::pair<std::string_view, const NamespaceAccess*>;  // by the namespace's name

  // `admins`: principals that administer the server. Nothing is kept of the spans.
  AccessTable(std::span<const std::string> admins, std::span<const Entry> namespaces);

  // The same lists under other administrators of the server.
  std::shared_ptr<const AccessTable> With(std::span<const std::string> admins) const;

  Status Check(const Caller& caller, std::string_view ns, Permission needed) const override;
  Status CheckServer(const Caller& caller) const override;

  // What the caller may; kNone for a namespace that is not there, unless it administers the server.
  Permission LevelOn(const Caller& caller, std::string_view ns) const;
  bool IsServerAdmin(const Caller& caller) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Grants {
    Permission everyone = Permission::kNone;
    std::vector<std::pair<std::string, Permission>> principals;  // sorted, each once
  };

  static Grants Compile(const NamespaceAccess& access);
  Permission Granted(const Caller& caller, std::string_view ns) const;
  bool IsListedAdmin(const Caller& caller) const;

  std::vector<std::string> admins_;  // sorted
  std::unordered_map<std::string, Grants, Hash, std::equal_to<>> namespaces_;
};

}  // namespace prism::security
