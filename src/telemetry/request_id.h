// The name of one request in logs, errors and headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prism::telemetry {

// The client's id, or one of our own: sixteen hexadecimal digits, which become text only when
// somebody reads them. Life cycle: begins with Make, or with Take when the client's id will do; the
// client's text outlives it. Thread rule: one owner.
class RequestId {
 public:
  static constexpr std::size_t kMaxBytes = 128;

  // Visible ASCII without quotes and backslashes, 1 to kMaxBytes: what can stand in a header, a log
  // line and a shell without being mistaken for something else.
  static bool IsSane(std::string_view given);

  // `raw` is from IdSource::Take.
  void Make(std::uint64_t raw) {
    raw_ = raw;
    size_ = 0;
  }
  // False, and nothing is changed, when the client's id is not sane.
  bool Take(std::string_view given);

  // Valid as long as this object is neither moved nor made anew.
  std::string_view text() const {
    if (size_ == 0) Write();
    return {given_ != nullptr ? given_ : made_, size_};
  }

 private:
  static constexpr std::size_t kMadeBytes = 16;

  void Write() const;

  std::uint64_t raw_ = 0;
  const char* given_ = nullptr;
  mutable std::size_t size_ = 0;  // 0: not written yet
  mutable char made_[kMadeBytes];
};

}  // namespace prism::telemetry
