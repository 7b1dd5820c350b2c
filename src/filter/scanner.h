// The text of a filter from left to right: spaces, operators, words, strings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "filter/expression.h"

namespace prism::filter {

// Refuses what is no text, before anything looks at it: kMalformed for bytes that are not UTF-8 and
// for control characters other than white space.
Status CheckText(std::string_view text);

// Life cycle: one pass over a text that outlives it. Thread rule: one thread.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ == text_.size(); }
  // '\0' at the end: the text has none (CheckText).
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  // In characters, from 1.
  std::size_t Column() const { return ColumnAt(at_); }
  std::string_view Rest() const { return text_.substr(at_); }
  bool AtQuote() const { return Peek() == '"' || Peek() == '\''; }

  std::size_t position() const { return at_; }
  void Rewind(std::size_t position) { at_ = position; }

  // Whether there was any white space.
  bool SkipSpace();
  bool TakeIf(char c);
  // Whether a whole word is next, followed by something that can't be part of a word.
  bool AtWord(std::string_view word) const;
  bool AtKeyword() const { return AtWord("AND") || AtWord("OR") || AtWord("NOT"); }
  bool TakeWord(std::string_view word);
  std::optional<Comparator> TakeComparator();

  // One part of the left side of a comparison: a string, or a word without dots.
  // Without source and column.
  Result<Literal> TakeName();
  // The right side: a string, or a word with dots, and with colons between digits.
  Result<Literal> TakeValue();

  // kMalformed, here.
  Error Expected(std::string_view what) const;

 private:
  std::size_t ColumnAt(std::size_t position) const;
  Result<Literal> TakeString();
  Status TakeEscape(Literal& into);
  Literal TakeText(bool value);
  bool AtValueChar() const;
  Literal Placed(Literal literal, std::size_t start) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace prism::filter
