// Which method a path names, and what the gateway needs to know of a method at once.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "contract/implements.h"
#include "contract/method.h"

namespace prism::gateway {

// One method in the gateway's own numbering.
struct Route {
  const contract::MethodInfo* method = nullptr;
  std::uint32_t interface = 0;     // dense over all interfaces
  std::uint32_t ordinal = 0;       // dense over all methods
  void* system_service = nullptr;  // set: belongs to no namespace (health, reflection)
  bool for_all = false;            // of a system service: also for who is not authenticated
  // Set: the gateway's own, about the namespace that the request names. Admitted like all others,
  // but no backend's, and not in the namespace's accounts while it runs.
  void* namespace_service = nullptr;
};

// Built once at the start, read by all shards. Two open-addressing tables: by path for Find, by
// address for RouteOf; neither allocates nor compares more than one path.
class MethodTable {
 public:
  // A service that is part of the server itself, with its implementation.
  struct SystemService {
    const contract::InterfaceInfo* interface;
    void* service;
    // On the admin port: whoever calls may, and what needs more asks for it.
    bool for_all = false;
    // On the data port: its requests name a namespace, and are admitted like those to backends.
    bool of_namespace = false;
  };

  // Everything that a provider has, as services of the server itself.
  static void AddTo(std::vector<SystemService>& services, contract::InterfaceProvider& provider,
                    bool for_all = false);

  // `interfaces` are those that backends may implement. Those without an id are left out: they need
  // a system service.
  MethodTable(std::span<const contract::InterfaceInfo* const> interfaces,
              std::span<const SystemService> system);

  // nullptr: there is no such method.
  const contract::MethodInfo* Find(std::string_view path) const;
  // `method` must have come from Find.
  const Route& RouteOf(const contract::MethodInfo& method) const;

  std::span<const contract::InterfaceInfo* const> interfaces() const { return interfaces_; }
  std::span<const Route> routes() const { return routes_; }

 private:
  static std::size_t HashPath(std::string_view path);
  static std::size_t HashAddress(const contract::MethodInfo* method);
  void Add(const SystemService& service);
  void Index();

  std::vector<const contract::InterfaceInfo*> interfaces_;
  std::vector<Route> routes_;
  std::size_t mask_ = 0;
  std::vector<std::uint32_t> by_path_;     // ordinal + 1; 0: empty
  std::vector<std::uint32_t> by_address_;  // ordinal + 1; 0: empty
};

}  // namespace prism::gateway
