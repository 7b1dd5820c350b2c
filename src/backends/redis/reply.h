// What a request wants of its reply: parts arrive as they are parsed, and no tree is built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prism::backends {

struct ReplyPart {
  enum class Kind : std::uint8_t { kBulk, kStatus, kInteger, kNil, kArray, kError };

  Kind kind;
  std::string_view text = {};  // of bulk, status and error; valid until Take returns
  std::int64_t number = 0;     // an integer, or how many parts an array announces
  int depth = 0;               // 0: the reply itself; 1: an element of it, ...
};

// Gets the parts of one reply in order: an array before its elements. The reply as a whole being an
// error is no part, but the error of the request. Lives in the frame of who asks.
class ReplySink {
 public:
  // False: this can't be the answer to the command, so the connection can't be trusted any more.
  virtual bool Take(const ReplyPart& part) = 0;

 protected:
  ~ReplySink() = default;
};

// Whatever comes is dropped.
class IgnoredReply final : public ReplySink {
 public:
  bool Take(const ReplyPart&) override { return true; }
};

// "OK" of a command that was done; nil when a condition of it did not hold (SET ... NX).
class StatusReply final : public ReplySink {
 public:
  bool Take(const ReplyPart& part) override {
    done_ = part.kind == ReplyPart::Kind::kStatus;
    return done_ || part.kind == ReplyPart::Kind::kNil;
  }
  bool done() const { return done_; }

 private:
  bool done_ = false;
};

class IntegerReply final : public ReplySink {
 public:
  bool Take(const ReplyPart& part) override {
    value_ = part.number;
    return part.kind == ReplyPart::Kind::kInteger;
  }
  std::int64_t value() const { return value_; }

 private:
  std::int64_t value_ = 0;
};

// Bytes or nothing, appended to a string of the caller.
class BytesReply final : public ReplySink {
 public:
  explicit BytesReply(std::string& into) : into_(into) {}
  bool Take(const ReplyPart& part) override {
    found_ = part.kind == ReplyPart::Kind::kBulk;
    if (found_) into_.append(part.text);
    return found_ || part.kind == ReplyPart::Kind::kNil;
  }
  bool found() const { return found_; }

 private:
  std::string& into_;
  bool found_ = false;
};

// A flat list of bytes or nothing, as MGET answers.
class ListReply final : public ReplySink {
 public:
  bool Take(const ReplyPart& part) override {
    if (part.depth == 0) {
      if (part.kind != ReplyPart::Kind::kArray) return false;
      values_.reserve(static_cast<std::size_t>(part.number));
      return true;
    }
    if (part.kind == ReplyPart::Kind::kNil) {
      values_.emplace_back();
    } else {
      values_.emplace_back(std::string(part.text));
    }
    return part.kind == ReplyPart::Kind::kNil || part.kind == ReplyPart::Kind::kBulk;
  }
  const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  std::vector<std::optional<std::string>> values_;
};

}  // namespace prism::backends
