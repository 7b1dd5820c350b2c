// Hashes over the values of a row: they find what was changed without going through the program,
// be it one flipped bit, which SQLite's own checks mostly miss, or a forged line of a history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prism::sqlite {

// SHA-256 over a sequence of values, each with its type and length, so that no two sequences run
// together to the same bytes. Thread rule: one thread at a time.
class RowHash {
 public:
  RowHash& Int(std::int64_t value);
  RowHash& Text(std::string_view text);
  RowHash& Null();

  // 64 digits in lower case.
  std::string Hex() const;
  // The first 16 of them: against accidents, not against people.
  std::string Checksum() const { return Hex().substr(0, 16); }

 private:
  void Append(char type, std::uint64_t number);

  std::string values_;
};

}  // namespace prism::sqlite
