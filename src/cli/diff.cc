#include "cli/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cli/output.h"

namespace prism::cli {
namespace {

using Lines = std::vector<std::string_view>;

Lines Split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// One line of the result; `kind` as it is printed.
struct Edit {
  char kind;  // ' ', '-' or '+'
  std::string_view text;
};

// Lengths of the longest common subsequences of all ends of two texts.
class CommonLengths {
 public:
  CommonLengths(const Lines& a, const Lines& b)
      : width_(b.size() + 1), lengths_((a.size() + 1) * width_) {
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        lengths_[i * width_ + j] =
            a[i] == b[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  std::uint32_t at(std::size_t i, std::size_t j) const { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<std::uint32_t> lengths_;
};

// The middle of two texts, whose first and last lines differ.
void AppendMiddle(const Lines& a, const Lines& b, std::vector<Edit>& edits) {
  constexpr std::size_t kMaxCells = 16u << 20;
  std::size_t i = 0;
  std::size_t j = 0;
  if ((a.size() + 1) * (b.size() + 1) <= kMaxCells) {
    const CommonLengths lengths(a, b);
    while (i < a.size() && j < b.size()) {
      if (a[i] == b[j]) {
        edits.push_back({' ', a[i]});
        ++i;
        ++j;
      } else if (lengths.at(i + 1, j) >= lengths.at(i, j + 1)) {
        edits.push_back({'-', a[i++]});
      } else {
        edits.push_back({'+', b[j++]});
      }
    }
  }
  for (; i < a.size(); ++i) edits.push_back({'-', a[i]});
  for (; j < b.size(); ++j) edits.push_back({'+', b[j]});
}

std::vector<Edit> Compare(const Lines& a, const Lines& b) {
  std::size_t head = 0;
  while (head < std::min(a.size(), b.size()) && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < std::min(a.size(), b.size()) - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  const auto middle = [&](const Lines& lines) {
    return Lines(lines.begin() + static_cast<std::ptrdiff_t>(head),
                 lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < head; ++i) edits.push_back({' ', a[i]});
  AppendMiddle(middle(a), middle(b), edits);
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) edits.push_back({' ', a[i]});
  return edits;
}

// "3,4" as diff prints a range: its first line from 1, and how many; nothing before the first.
std::string Range(std::size_t first, std::size_t count) {
  if (count == 0) return fmt::format("{},0", first);
  return count == 1 ? fmt::format("{}", first + 1) : fmt::format("{},{}", first + 1, count);
}

// Prints hunks: changes with what is around them, those that touch each other together.
class HunkWriter {
 public:
  explicit HunkWriter(const std::vector<Edit>& edits) : edits_(edits) {}

  void Append(std::string& out) {
    for (std::size_t at = 0; at < edits_.size();) {
      if (edits_[at].kind == ' ') {
        ++at;
        continue;
      }
      const std::size_t begin = at > kContext ? std::max(at - kContext, done_) : done_;
      const std::size_t end = EndOf(at);
      AppendHunk(std::max(begin, done_), end, out);
      at = end;
    }
  }

 private:
  static constexpr std::size_t kContext = 3;

  // Behind the context of the last change that is near to the one at `at`.
  std::size_t EndOf(std::size_t at) const {
    std::size_t last = at;
    for (std::size_t i = at; i < edits_.size() && i <= last + 2 * kContext; ++i) {
      if (edits_[i].kind != ' ') last = i;
    }
    return std::min(last + 1 + kContext, edits_.size());
  }

  void AppendHunk(std::size_t begin, std::size_t end, std::string& out) {
    Count(done_, begin);
    const std::size_t old_first = old_line_;
    const std::size_t new_first = new_line_;
    Count(begin, end);
    out += fmt::format("@@ -{} +{} @@\n", Range(old_first, old_line_ - old_first),
                       Range(new_first, new_line_ - new_first));
    for (std::size_t i = begin; i < end; ++i) {
      out += edits_[i].kind;
      out.append(edits_[i].text).append("\n");
    }
    done_ = end;
  }

  void Count(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (edits_[i].kind != '+') ++old_line_;
      if (edits_[i].kind != '-') ++new_line_;
    }
  }

  const std::vector<Edit>& edits_;
  std::size_t done_ = 0;
  std::size_t old_line_ = 0;
  std::size_t new_line_ = 0;
};

std::string_view ColorOf(std::string_view line) {
  if (line.starts_with("---") || line.starts_with("+++")) return "\x1b[1m";
  if (line.starts_with("@@")) return "\x1b[36m";
  if (line.starts_with('-')) return "\x1b[31m";
  if (line.starts_with('+')) return "\x1b[32m";
  return {};
}

}  // namespace

std::string UnifiedDiff(std::string_view before, std::string_view after,
                        std::string_view before_name, std::string_view after_name) {
  if (before == after) return {};
  const Lines old_lines = Split(before);
  const Lines new_lines = Split(after);
  const std::vector<Edit> edits = Compare(old_lines, new_lines);
  std::string text = fmt::format("--- {}\n+++ {}\n", before_name, after_name);
  HunkWriter(edits).Append(text);
  return text;
}

std::string ColoredDiff(std::string_view diff) {
  std::string text;
  for (const std::string_view line : Split(diff)) {
    const std::string_view color = ColorOf(line);
    text.append(color).append(line).append(color.empty() ? "\n" : "\x1b[0m\n");
  }
  return text;
}

void PrintDiff(std::string_view diff) {
  const std::string harmless = PrintableMessage(diff);
  WriteOut(HasColor(stdout) ? ColoredDiff(harmless) : harmless);
}

}  // namespace prism::cli
