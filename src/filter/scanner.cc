#include "filter/scanner.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "filter/error.h"

namespace prism::filter {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
// What ends a word without quotes, besides white space.
constexpr std::string_view kDelimiters = ".,():=<>!\"'\\";

bool IsSpace(char c) { return kSpaces.contains(c); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordChar(char c) { return c != '\0' && !IsSpace(c) && !kDelimiters.contains(c); }
bool IsControl(char c) { return (c >= '\0' && c < ' ' && !IsSpace(c)) || c == '\x7f'; }

void Append(Literal& into, char c) {
  into.any_inside = into.any_inside || into.any_back;
  into.text += c;
}

void AppendWildcard(Literal& into) {
  const bool first = into.text.empty() && !into.any_front;
  (first ? into.any_front : into.any_back) = true;
}

// The first byte that is no part of a character.
std::size_t FirstBadByte(std::string_view text) {
  std::size_t good = 0;
  for (std::size_t size = 1; size <= 4 && good + size <= text.size();) {
    if (!base::IsValidUtf8(text.substr(good, size))) {
      ++size;
      continue;
    }
    good += size;
    size = 1;
  }
  return good;
}

std::size_t Characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not a byte that continues one
  }));
}

}  // namespace

Status CheckText(std::string_view text) {
  if (!base::IsValidUtf8(text)) {
    const std::size_t good = FirstBadByte(text);
    return std::unexpected(
        Refusal(kMalformed, Characters(text.substr(0, good)) + 1, "the filter must be UTF-8"));
  }
  const auto* control = std::ranges::find_if(text, IsControl);
  if (control == text.end()) return {};
  const std::string_view before(text.begin(), control);
  return std::unexpected(Refusal(kMalformed, Characters(before) + 1,
                                 "a control character; filters have none but tabs and newlines"));
}

std::size_t Scanner::ColumnAt(std::size_t position) const {
  return Characters(text_.substr(0, position)) + 1;
}

Error Scanner::Expected(std::string_view what) const {
  return filter::Malformed(Column(), what, Rest());
}

bool Scanner::SkipSpace() {
  const std::size_t start = at_;
  while (IsSpace(Peek())) ++at_;
  return at_ > start;
}

bool Scanner::TakeIf(char c) {
  if (AtEnd() || Peek() != c) return false;
  ++at_;
  return true;
}

bool Scanner::AtWord(std::string_view word) const {
  return Rest().starts_with(word) && !IsWordChar(Peek(word.size()));
}

bool Scanner::TakeWord(std::string_view word) {
  if (!AtWord(word)) return false;
  at_ += word.size();
  return true;
}

std::optional<Comparator> Scanner::TakeComparator() {
  // Longer ones first.
  static constexpr std::array<std::pair<std::string_view, Comparator>, 7> kComparators = {{
      {"!=", Comparator::kNotEquals},
      {"<=", Comparator::kLessEquals},
      {">=", Comparator::kGreaterEquals},
      {"=", Comparator::kEquals},
      {"<", Comparator::kLess},
      {">", Comparator::kGreater},
      {":", Comparator::kHas},
  }};
  for (const auto& [sign, comparator] : kComparators) {
    if (!Rest().starts_with(sign)) continue;
    at_ += sign.size();
    return comparator;
  }
  return std::nullopt;
}

Literal Scanner::Placed(Literal literal, std::size_t start) const {
  literal.source = text_.substr(start, at_ - start);
  literal.column = ColumnAt(start);
  return literal;
}

Result<Literal> Scanner::TakeName() {
  if (AtQuote()) return TakeString();
  if (!IsWordChar(Peek())) return std::unexpected(Expected("a field or a value"));
  return TakeText(false);
}

Result<Literal> Scanner::TakeValue() {
  const std::size_t start = at_;
  if (AtQuote()) {
    TRY_ASSIGN(Literal value, TakeString());
    return Placed(std::move(value), start);
  }
  if (AtKeyword()) return std::unexpected(Expected("a value (keywords want quotes to be one)"));
  if (!AtValueChar()) return std::unexpected(Expected("a value"));
  return Placed(TakeText(true), start);
}

Result<Literal> Scanner::TakeString() {
  const std::size_t start = at_;
  const char quote = text_[at_++];
  Literal literal;
  while (!AtEnd() && Peek() != quote) {
    if (Peek() == '\\') {
      TRY(TakeEscape(literal));
    } else if (Peek() == '*') {
      AppendWildcard(literal);
      ++at_;
    } else {
      Append(literal, text_[at_++]);
    }
  }
  if (TakeIf(quote)) return literal;
  return std::unexpected(Refusal(kMalformed, ColumnAt(start), "this quote has no end"));
}

Status Scanner::TakeEscape(Literal& into) {
  static constexpr std::string_view kWritten = "\"'\\*nrt";
  static constexpr std::string_view kMeant = "\"'\\*\n\r\t";
  const std::size_t which = kWritten.find(Peek(1));
  if (Peek(1) == '\0' || which == std::string_view::npos) {
    return std::unexpected(Expected(R"(one of the escapes \" \' \\ \* \n \r \t)"));
  }
  Append(into, kMeant[which]);
  at_ += 2;
  return {};
}

bool Scanner::AtValueChar() const {
  const char c = Peek();
  if (c != ':') return c == '.' || IsWordChar(c);
  return at_ > 0 && IsDigit(text_[at_ - 1]) && IsDigit(Peek(1));
}

Literal Scanner::TakeText(bool value) {
  Literal literal;
  for (; value ? AtValueChar() : IsWordChar(Peek()); ++at_) {
    if (Peek() == '*') {
      AppendWildcard(literal);
    } else {
      Append(literal, Peek());
    }
  }
  return literal;
}

}  // namespace prism::filter
