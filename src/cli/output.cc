#include "cli/output.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace prism::cli {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  // 0: the bytes are no UTF-8
};

// The first code point of a text that is not empty (RFC 3629: no surrogates, no overlong forms).
CodePoint Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return {};
  std::uint32_t value = byte(0) & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {};
  return {value, length};
}

// Controls, and the marks that turn the direction of a text around.
bool IsUnsafe(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

std::string Escape(const CodePoint& point, char first) {
  switch (point.length == 0 ? 0 : point.value) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (point.length > 1) return fmt::format("\\u{{{:x}}}", point.value);
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(first));
}

// Characters of `kept` stay as they are.
std::string EscapeUnsafe(std::string_view bytes, std::string_view kept) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const CodePoint point = Decode(bytes);
    const std::size_t length = std::max<std::size_t>(point.length, 1);
    const bool unsafe = point.length == 0 || point.value == '\\' || IsUnsafe(point.value);
    if (unsafe && kept.find(bytes.front()) == std::string_view::npos) {
      text += Escape(point, bytes.front());
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace

bool IsTerminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

bool HasColor(std::FILE* file) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return IsTerminal(file) && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

std::string Printable(std::string_view bytes) { return EscapeUnsafe(bytes, ""); }

std::string PrintableMessage(std::string_view text) { return EscapeUnsafe(text, "\n\\"); }

std::string Shortened(std::string_view bytes, std::size_t max_columns) {
  // No character is shorter than a byte: what lies beyond is not worth escaping.
  std::string text = Printable(bytes.substr(0, max_columns * 4 + 4));
  if (bytes.size() <= max_columns * 4 + 4 && Columns(text) <= max_columns) return text;
  std::size_t end = 0;
  for (std::size_t columns = 0; end < text.size() && columns < max_columns; ++columns) {
    end += std::max<std::size_t>(Decode(std::string_view(text).substr(end)).length, 1);
  }
  text.resize(std::min(end, text.size()));
  return fmt::format("{}... ({} bytes)", text, bytes.size());
}

std::size_t Columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string DumpJson(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// Failures are kept by the stream and found by Shell::Run.
void WriteOut(std::string_view bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }

void WriteLine(std::string_view text) {
  WriteOut(text);
  WriteOut("\n");
}

void Table::AppendRow(std::string& text, const std::vector<std::string>& row) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    text += row[i];
    const bool last = i + 1 == row.size();
    if (!last) text.append(widths_[i] + 2 - Columns(row[i]), ' ');
  }
}

std::string Table::Format(bool color) {
  widths_.resize(header_.size());
  const auto widen = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], Columns(row[i]));
  };
  widen(header_);
  for (const std::vector<std::string>& row : rows_) widen(row);

  std::string text;
  if (!header_printed_) {
    if (color) text += "\x1b[1m";
    AppendRow(text, header_);
    text += color ? "\x1b[0m\n" : "\n";
    header_printed_ = true;
  }
  for (const std::vector<std::string>& row : rows_) {
    AppendRow(text, row);
    text += '\n';
  }
  rows_.clear();
  return text;
}

void Table::Flush() { WriteOut(Format(HasColor(stdout))); }

}  // namespace prism::cli
