#include "gateway/method_table.h"

#include <bit>
#include <cstring>

namespace prism::gateway {

MethodTable::MethodTable(std::span<const contract::InterfaceInfo* const> interfaces,
                         std::span<const SystemService> system) {
  for (const contract::InterfaceInfo* interface : interfaces) {
    if (!interface->id.empty()) Add({.interface = interface, .service = nullptr});
  }
  for (const SystemService& service : system) Add(service);
  Index();
}

void MethodTable::AddTo(std::vector<SystemService>& services, contract::InterfaceProvider& provider,
                        bool for_all) {
  for (const contract::InterfaceInfo* interface : provider.Interfaces()) {
    services.push_back({interface, provider.Find(*interface), for_all});
  }
}

void MethodTable::Add(const SystemService& service) {
  const auto index = static_cast<std::uint32_t>(interfaces_.size());
  interfaces_.push_back(service.interface);
  for (const contract::MethodInfo& method : service.interface->methods) {
    routes_.push_back({.method = &method,
                       .interface = index,
                       .ordinal = static_cast<std::uint32_t>(routes_.size()),
                       .system_service = service.of_namespace ? nullptr : service.service,
                       .for_all = service.for_all,
                       .namespace_service = service.of_namespace ? service.service : nullptr});
  }
}

void MethodTable::Index() {
  // A quarter full: almost every look-up ends at its first slot.
  const std::size_t slots = std::bit_ceil(routes_.size() * 4 + 1);
  mask_ = slots - 1;
  by_path_.assign(slots, 0);
  by_address_.assign(slots, 0);
  for (const Route& route : routes_) {
    std::size_t slot = HashPath(route.method->path) & mask_;
    while (by_path_[slot] != 0) slot = (slot + 1) & mask_;
    by_path_[slot] = route.ordinal + 1;
    slot = HashAddress(route.method) & mask_;
    while (by_address_[slot] != 0) slot = (slot + 1) & mask_;
    by_address_[slot] = route.ordinal + 1;
  }
}

// Paths share long prefixes and differ near the end, so the last 16 bytes and the length decide.
std::size_t MethodTable::HashPath(std::string_view path) {
  std::uint64_t words[2] = {0, 0};
  const std::size_t tail = path.size() < sizeof words ? path.size() : sizeof words;
  if (tail > 0) std::memcpy(words, path.data() + path.size() - tail, tail);
  std::uint64_t hash = words[0] * 0x9E3779B97F4A7C15u;
  hash = (hash ^ (hash >> 32) ^ words[1] ^ path.size()) * 0xD6E8FEB86659FD93u;
  return hash ^ (hash >> 29);
}

std::size_t MethodTable::HashAddress(const contract::MethodInfo* method) {
  const auto address = reinterpret_cast<std::uintptr_t>(method);
  return (address * 0x9E3779B97F4A7C15u) >> 40;
}

const contract::MethodInfo* MethodTable::Find(std::string_view path) const {
  for (std::size_t slot = HashPath(path) & mask_; by_path_[slot] != 0; slot = (slot + 1) & mask_) {
    const contract::MethodInfo* method = routes_[by_path_[slot] - 1].method;
    if (method->path == path) return method;
  }
  return nullptr;
}

const Route& MethodTable::RouteOf(const contract::MethodInfo& method) const {
  std::size_t slot = HashAddress(&method) & mask_;
  while (routes_[by_address_[slot] - 1].method != &method) slot = (slot + 1) & mask_;
  return routes_[by_address_[slot] - 1];
}

}  // namespace prism::gateway
