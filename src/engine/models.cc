#include "engine/models.h"

#include <array>

#include "engine/keyvalue/local_keyvalue.h"

namespace prism::engine {
namespace {

constexpr std::array<const Model*, 1> kModels = {&kKeyValueModel};

}  // namespace

std::span<const Model* const> BuiltinModels() { return kModels; }

}  // namespace prism::engine
