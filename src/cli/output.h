// How results look: tables for people, JSON lines for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace prism::cli {

bool IsTerminal(std::FILE* file);
// Whether escape sequences for colour may be written: a terminal, no NO_COLOR (no-color.org), TERM
// not "dumb".
bool HasColor(std::FILE* file);

// Bytes as they may be shown on a terminal: what is no printable UTF-8 becomes \n, \t, \xNN or
// \u{N}, and \ becomes
// \\. Whatever a stored value holds, the terminal can't be made to obey it.
std::string Printable(std::string_view bytes);
// The same for messages, which may have several lines: line ends and \\ stay as they are.
std::string PrintableMessage(std::string_view text);
// As Printable, cut to `max_columns` characters with the size told when it is longer.
std::string Shortened(std::string_view bytes, std::size_t max_columns);
// Characters of a UTF-8 text.
std::size_t Columns(std::string_view text);

// One line, never throwing: bytes that are no UTF-8 are replaced.
std::string DumpJson(const nlohmann::ordered_json& json);

void WriteOut(std::string_view bytes);
void WriteLine(std::string_view text);

// Columns under headers. Rows are held until Flush, which may be called in between to print what
// there is: the widths found so far stay. Cells must be printable.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::size_t pending() const { return rows_.size(); }
  // The text of what was added since the last call; the header comes first, once.
  std::string Format(bool color);
  void Flush();

 private:
  void AppendRow(std::string& text, const std::vector<std::string>& row) const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
  bool header_printed_ = false;
};

}  // namespace prism::cli
