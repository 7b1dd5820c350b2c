#include "rpc/json/json_tape.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace prism::rpc {
namespace {

constexpr int kNumberOverflow = 406;  // nlohmann's out_of_range: no double can hold the number

// Tells how far the tokenizer has read: its events carry no positions.
class CountingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}

  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

bool IsNumberCharacter(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// A text of two-byte values would otherwise become a tape of eight times its size.
constexpr std::size_t kMaxNodes = 128 * 1024;

}  // namespace

// The SAX handler: its method names are nlohmann's.
class JsonTape::Builder {
 public:
  using Json = nlohmann::json;

  Builder(JsonTape& tape, std::size_t max_depth)
      : tape_(tape), max_depth_(max_depth), reached_(tape.text_.data()) {}

  Status Run() {
    const std::string_view text = tape_.text_;
    // The tokenizer would skip a byte order mark; RFC 8259 section 8.1 forbids to send one.
    if (text.starts_with("\xEF\xBB\xBF")) return std::unexpected(Malformed(0));
    // It would take NUL for the end.
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
      return std::unexpected(Malformed(nul));
    }
    const CountingIterator first(text.data(), &reached_);
    const CountingIterator last(text.data() + text.size(), &reached_);
    if (!Json::sax_parse(first, last, this, Json::input_format_t::json, /*strict=*/true)) {
      return std::unexpected(error_.value_or(Malformed(Reached())));
    }
    return {};
  }

  bool null() { return Add(JsonKind::kNull); }
  bool boolean(bool value) { return Add(value ? JsonKind::kTrue : JsonKind::kFalse); }
  bool number_integer(Json::number_integer_t /*value*/) { return AddNumber(); }
  bool number_unsigned(Json::number_unsigned_t /*value*/) { return AddNumber(); }
  bool number_float(Json::number_float_t /*value*/, const std::string& /*text*/) {
    return AddNumber();
  }
  bool string(std::string& text) {
    Count();
    return AddString(text);
  }
  bool key(std::string& text) { return AddString(text); }
  bool binary(Json::binary_t& /*bytes*/) { return false; }  // only in formats other than JSON
  bool start_object(std::size_t /*elements*/) { return Open(JsonKind::kObject); }
  bool start_array(std::size_t /*elements*/) { return Open(JsonKind::kArray); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }

  // `position` counts the bytes read, the wrong one included. The exception tells what the text
  // has there, hence is left alone.
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& cause) {
    if (cause.id == kNumberOverflow) {
      error_ =
          JsonRefused("JSON_OUT_OF_RANGE", "", Start(), "this number is larger than any field");
    } else {
      error_ = Malformed(std::min(position > 0 ? position - 1 : 0, tape_.text_.size()));
    }
    return false;
  }

 private:
  static Error Malformed(std::size_t position) {
    return JsonRefused("MALFORMED_MESSAGE", "", position,
                       "this is not JSON (RFC 8259) in UTF-8; send one complete JSON value");
  }

  std::size_t Reached() const { return static_cast<std::size_t>(reached_ - tape_.text_.data()); }

  // Where the token begins that has just been read: behind the last one and what may stand between.
  std::uint32_t Start() const {
    return static_cast<std::uint32_t>(
        std::min(tape_.text_.find_first_not_of(" \t\r\n,:", behind_), tape_.text_.size()));
  }

  void Count() {
    if (!open_.empty()) ++tape_.nodes_[open_.back()].size;
  }

  bool Append(const Node& node) {
    if (Full()) return false;
    tape_.nodes_.push_back(node);
    behind_ = Reached();
    return true;
  }

  bool Add(JsonKind kind) {
    Count();
    return Append({.position = Start(), .kind = kind});
  }

  bool Full() {
    if (tape_.nodes_.size() < kMaxNodes) return false;
    error_ = JsonRefused("JSON_TOO_MANY_VALUES", "", behind_,
                         fmt::format("more than {} values; send less at once", kMaxNodes));
    return true;
  }

  // The tokenizer has read one character more.
  bool AddNumber() {
    if (Full()) return false;
    Count();
    const std::uint32_t start = Start();
    const char* const begin = tape_.text_.data() + start;
    const char* const end = std::find_if_not(begin, reached_, IsNumberCharacter);
    tape_.nodes_.push_back({.position = start,
                            .size = static_cast<std::uint32_t>(end - begin),
                            .kind = JsonKind::kNumber});
    behind_ = start + tape_.nodes_.back().size;
    return true;
  }

  // Every escape is longer than what it stands for.
  bool AddString(const std::string& text) {
    const std::uint32_t start = Start();
    const std::size_t spelled = Reached() - start - 2;
    Node node{.position = start,
              .size = static_cast<std::uint32_t>(text.size()),
              .kind = JsonKind::kString};
    if (text.size() != spelled) {
      node.kind = JsonKind::kEscapedString;
      node.extra = static_cast<std::uint32_t>(tape_.unescaped_.size());
      tape_.unescaped_ += text;
    }
    return Append(node);
  }

  bool Open(JsonKind kind) {
    if (open_.size() >= max_depth_) {
      error_ = JsonRefused(
          "JSON_TOO_DEEP", "", Start(),
          fmt::format("more than {} objects and arrays are inside one another", max_depth_));
      return false;
    }
    Count();
    open_.push_back(static_cast<Index>(tape_.nodes_.size()));
    return Append({.position = Start(), .kind = kind});
  }

  bool Close() {
    tape_.nodes_[open_.back()].extra = static_cast<Index>(tape_.nodes_.size());
    open_.pop_back();
    behind_ = Reached();
    return true;
  }

  JsonTape& tape_;
  const std::size_t max_depth_;
  const char* reached_;
  std::size_t behind_ = 0;  // offset behind the last token that has become a node
  std::vector<Index> open_;
  std::optional<Error> error_;
};

Result<JsonTape> JsonTape::Parse(std::string_view text, std::size_t max_depth) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    return std::unexpected(JsonRefused("MALFORMED_MESSAGE", "", 0,
                                       "the text is longer than 4 GiB; send less at once"));
  }
  constexpr std::size_t kUsualNodes = 16;  // 256 bytes; most requests need no more
  JsonTape tape(text);
  tape.nodes_.reserve(kUsualNodes);
  TRY(Builder(tape, max_depth).Run());
  return tape;
}

std::string_view JsonTape::Text(Index i) const {
  const Node& node = nodes_[i];
  switch (node.kind) {
    case JsonKind::kNumber:
      return text_.substr(node.position, node.size);
    case JsonKind::kString:
      return text_.substr(node.position + 1, node.size);
    case JsonKind::kEscapedString:
      return std::string_view(unescaped_).substr(node.extra, node.size);
    default:
      return {};
  }
}

std::optional<JsonTape::Index> JsonTape::Find(Index object, std::string_view key) const {
  for (Index i = First(object); i < After(object); i = After(i + 1)) {
    if (Text(i) == key) return i + 1;
  }
  return std::nullopt;
}

std::optional<JsonTape::Index> JsonTape::FindDuplicate(Index object) const {
  constexpr std::size_t kFew = 16;  // so many are compared with each other sooner than sorted
  const Index end = After(object);
  if (size(object) <= kFew) {
    for (Index i = First(object); i < end; i = After(i + 1)) {
      for (Index j = First(object); j < i; j = After(j + 1)) {
        if (Text(i) == Text(j)) return i;
      }
    }
    return std::nullopt;
  }
  std::vector<std::pair<std::string_view, Index>> keys;
  keys.reserve(size(object));
  for (Index i = First(object); i < end; i = After(i + 1)) keys.emplace_back(Text(i), i);
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(
      keys, [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice == keys.end()) return std::nullopt;
  return std::next(twice)->second;
}

Error JsonRefused(std::string_view reason, std::string path, std::size_t position,
                  std::string_view description) {
  std::string message = path.empty() ? fmt::format("JSON at byte {}: {}", position, description)
                                     : fmt::format("{} (byte {}): {}", path, position, description);
  Error error = Error(Code::kInvalidArgument, reason, std::move(message))
                    .With("position", fmt::to_string(position));
  if (path.empty()) return error;
  return std::move(error).WithField(std::move(path), std::string(description));
}

}  // namespace prism::rpc
