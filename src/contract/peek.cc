#include "contract/peek.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/utf8.h"

namespace prism::contract {

namespace {

// Wire types (protobuf encoding guide, "Message structure").
enum WireType : std::uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

constexpr std::uint32_t kNamespaceTag = 1u << 3 | kLength;

// As deep as protobuf follows by default.
constexpr std::size_t kMaxGroups = 100;

// Reads from the front of a message. After a false answer its position means nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), begin_(bytes.data()) {}

  bool done() const { return at_ == end_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

  // At most five bytes; bits above the 32nd are dropped, as protobuf does.
  bool ReadTag(std::uint32_t& tag) { return ReadUint32(tag); }

  bool ReadBytes(std::string_view& bytes) {
    std::uint32_t size = 0;
    // A fifth byte of 8 or more would make it 2 GiB, which protobuf refuses and no buffer of ours
    // has.
    const char* start = at_;
    if (!ReadUint32(size)) return false;
    if (at_ - start == 5 && static_cast<std::uint8_t>(at_[-1]) >= 8) return false;
    if (size > Left()) return false;
    bytes = std::string_view(at_, size);
    at_ += size;
    return true;
  }

  // The value of a field that is no group.
  bool Skip(std::uint32_t wire_type) {
    std::string_view ignored;
    switch (wire_type) {
      case kVarint:
        return SkipVarint();
      case kFixed64:
        return SkipBytes(8);
      case kLength:
        return ReadBytes(ignored);
      case kFixed32:
        return SkipBytes(4);
      default:
        return false;
    }
  }

  // Everything behind a start tag up to its end tag, groups inside included.
  bool SkipGroup(std::uint32_t start_tag);

 private:
  std::size_t Left() const { return static_cast<std::size_t>(end_ - at_); }

  bool ReadUint32(std::uint32_t& value) {
    if (done()) return false;
    value = static_cast<std::uint8_t>(*at_++);
    if (value < 0x80) return true;
    value &= 0x7F;
    for (int shift = 7; shift < 35; shift += 7) {
      if (done()) return false;
      const std::uint32_t byte = static_cast<std::uint8_t>(*at_++);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool SkipVarint() {
    for (int i = 0; i < 10 && !done(); ++i) {
      if (static_cast<std::uint8_t>(*at_++) < 0x80) return true;
    }
    return false;
  }

  bool SkipBytes(std::size_t count) {
    if (count > Left()) return false;
    at_ += count;
    return true;
  }

  const char* at_;
  const char* end_;
  const char* begin_;
};

[[gnu::noinline]] bool Cursor::SkipGroup(std::uint32_t start_tag) {
  std::array<std::uint32_t, kMaxGroups> open;
  open[0] = start_tag >> 3;
  std::size_t depth = 1;
  while (depth > 0) {
    std::uint32_t tag = 0;
    if (!ReadTag(tag) || tag >> 3 == 0) return false;
    const std::uint32_t wire_type = tag & 7;
    if (wire_type == kStartGroup) {
      if (depth == kMaxGroups) return false;
      open[depth++] = tag >> 3;
    } else if (wire_type == kEndGroup) {
      if (open[--depth] != tag >> 3) return false;
    } else if (!Skip(wire_type)) {
      return false;
    }
  }
  return true;
}

[[gnu::noinline, gnu::cold]] Error Malformed(std::size_t offset, std::string_view what) {
  std::string message = "the request is no protobuf message: ";
  message.append(what).append(" in the field at byte ").append(std::to_string(offset));
  message.append("; generate the client from the .proto files of this server");
  return Error(Code::kInvalidArgument, "MALFORMED_MESSAGE", std::move(message));
}

}  // namespace

Result<std::string_view> PeekNamespace(std::string_view message) {
  Cursor cursor(message);
  std::string_view found;
  while (!cursor.done()) {
    const std::size_t field_start = cursor.offset();
    std::uint32_t tag = 0;
    bool valid = cursor.ReadTag(tag) && tag >> 3 != 0;
    if (valid) {
      if (tag == kNamespaceTag) {
        valid = cursor.ReadBytes(found);
        if (valid && !base::IsValidUtf8(found)) [[unlikely]] {
          return std::unexpected(Malformed(field_start, "a namespace that is not UTF-8"));
        }
      } else if ((tag & 7) == kStartGroup) {
        valid = cursor.SkipGroup(tag);
      } else {
        valid = cursor.Skip(tag & 7);
      }
    }
    if (!valid) [[unlikely]] {
      return std::unexpected(Malformed(field_start, "bad tag or length"));
    }
  }
  return found;
}

}  // namespace prism::contract
