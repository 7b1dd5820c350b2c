// Reads one map of a configuration file against what is known of it: each Take names a key, Finish
// reports what nobody asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

// Keys may be written with - or _. A value that can't be read is a problem and reads as absent, so
// that one pass finds everything. Life cycle: on the stack, for one map; value and problems outlive
// it.
class MapReader {
 public:
  // `what` for messages: "the namespace". A value that is no map is a problem; an absent one (null)
  // is an empty map.
  MapReader(const YamlValue& value, std::string what, Problems& problems);

  Mark mark() const { return value_.mark; }
  const YamlValue* Take(std::string_view key);
  std::optional<std::string> String(std::string_view key);
  std::optional<bool> Bool(std::string_view key);
  std::optional<std::uint64_t> Number(std::string_view key, std::uint64_t min = 0,
                                      std::uint64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<std::uint64_t> Size(std::string_view key, std::uint64_t min = 0,
                                    std::uint64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<std::chrono::milliseconds> Duration(std::string_view key,
                                                    std::chrono::milliseconds min,
                                                    std::chrono::milliseconds max);
  std::optional<std::string> OneOf(std::string_view key, const std::vector<std::string>& choices);
  // Answers what must become of a text, like WrongText.
  using Check = std::optional<std::string> (*)(std::string_view text);
  // One line of at most `max_bytes`, see WrongText, with which `also` agrees.
  std::optional<std::string> Text(std::string_view key, std::size_t max_bytes,
                                  Check also = nullptr);
  // At most `most` of them, none empty, each at most `max_bytes`.
  std::vector<std::string> Texts(std::string_view key, std::size_t most, std::size_t max_bytes) {
    return TextList(key, most, max_bytes).value_or(std::vector<std::string>());
  }
  // The same where an empty list means something else than none.
  std::optional<std::vector<std::string>> TextList(std::string_view key, std::size_t most,
                                                   std::size_t max_bytes);
  // The same of at most 1000 texts of 1 to 512 bytes that name somebody.
  std::vector<std::string> Principals(std::string_view key) { return Texts(key, 1000, 512); }

  // A key that people look for and that does not exist: why not, in a sentence.
  void Refuse(std::string_view key, std::string_view why);
  void Add(Mark mark, std::string_view reason, std::string message) {
    problems_.Add(mark, reason, std::move(message));
  }
  // Reports every key that was not taken, with the nearest that is known.
  void Finish();

 private:
  std::vector<std::string> Strings(const YamlValue& value, std::string_view key);
  const YamlValue* Scalar(std::string_view key, std::string_view wanted);

  const YamlValue& value_;
  std::string what_;
  Problems& problems_;
  std::vector<std::string> known_;
  std::vector<bool> taken_;
};

}  // namespace prism::namespaces
