// How long the texts of a configuration may be and what they may hold, wherever they come from.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace prism::namespaces {

inline constexpr std::size_t kMaxTags = 64;
inline constexpr std::size_t kMaxTagBytes = 255;
inline constexpr std::size_t kMaxTextBytes = 1024;  // an owner, a reason, a name of a user
inline constexpr std::size_t kMaxConnectionBytes = 4096;
inline constexpr std::size_t kMaxSlots = 16;           // of a pattern
inline constexpr std::size_t kMaxPatternOptions = 64;  // its config, each at most kMaxTextBytes
inline constexpr std::size_t kMaxOptionNameBytes = 63;

// What must become of a text that people write, "must have at most 1024 bytes"; nothing: it is
// fine. Control characters (C0, DEL, C1), ends of lines and those that turn the direction of
// writing (Unicode Standard Annex 9, section 2) are refused: in tables, logs and terminals they
// pretend to be something else.
std::optional<std::string> WrongText(std::string_view text, std::size_t max_bytes);

}  // namespace prism::namespaces
