#include "branching/pgwire/session_state.h"

#include <algorithm>

#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {

void SessionState::Follow(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && following_) {
    if (left_ == 0) {
      if (header_size_ == 0 && bytes.size() - at >= kHeaderSize) {
        OnHeader(bytes.data() + at);
        at += kHeaderSize;
      } else {
        at += TakeHeader(bytes.substr(at));
      }
      continue;
    }
    if (status_next_) {
      const char status = bytes[at];
      following_ = status == 'I' || status == 'T' || status == 'E';
      if (following_) status_ = TransactionStatus{status};
      status_next_ = false;
      asked_ = false;
    }
    const std::size_t passed = std::min(left_, bytes.size() - at);
    left_ -= passed;
    at += passed;
  }
}

std::size_t SessionState::TakeHeader(std::string_view bytes) {
  const std::size_t taken = std::min(kHeaderSize - header_size_, bytes.size());
  std::ranges::copy(bytes.substr(0, taken), header_.begin() + header_size_);
  header_size_ = static_cast<std::uint8_t>(header_size_ + taken);
  if (header_size_ == kHeaderSize) {
    header_size_ = 0;
    OnHeader(header_.data());
  }
  return taken;
}

void SessionState::OnHeader(const char* header) {
  const std::uint32_t length = Int32At(header + 1);
  if (length < 4) {
    following_ = false;
    return;
  }
  left_ = length - 4;
  switch (header[0]) {
    case 'G':  // CopyInResponse
    case 'H':  // CopyOutResponse
      copy_ = Copy::kData;
      break;
    case 'W':  // CopyBothResponse
      copy_ = Copy::kBoth;
      break;
    case 'Z':  // ReadyForQuery
      following_ = left_ == 1;
      status_next_ = true;
      copy_ = Copy::kNone;
      break;
    case 'C':  // CommandComplete
    case 'E':  // ErrorResponse
      copy_ = Copy::kNone;
      break;
    default:
      break;
  }
}

}  // namespace prism::branching
