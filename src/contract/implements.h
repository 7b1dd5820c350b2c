// Implements<...>: a backend says what it can by inheriting; the manifest is the type list.
#pragma once

#include <array>
#include <span>

#include "contract/method.h"

namespace prism::contract {

// Something that has interfaces. Found once, when a namespace is bound; never on the request path.
class InterfaceProvider {
 public:
  virtual ~InterfaceProvider() = default;
  virtual std::span<const InterfaceInfo* const> Interfaces() const = 0;
  // The object's pointer to the interface class of `info`, as MethodInfo's call functions take it;
  // nullptr when it does not have the interface.
  virtual void* Find(const InterfaceInfo& info) = 0;
};

// class RedisKeyValue final : public Implements<KeyValueBasic, KeyValueTtl> {...}
// A method that is missing leaves the class abstract: making an object of it does not compile.
template <class... Is>
class Implements : public InterfaceProvider, public Is... {
 public:
  static constexpr std::array<const InterfaceInfo*, sizeof...(Is)> kInterfaces = {
      &Is::kInterface...};

  std::span<const InterfaceInfo* const> Interfaces() const final { return kInterfaces; }
  void* Find(const InterfaceInfo& info) final {
    void* found = nullptr;
    ((&info == &Is::kInterface ? void(found = static_cast<Is*>(this)) : void()), ...);
    return found;
  }
};

}  // namespace prism::contract
