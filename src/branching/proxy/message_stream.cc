#include "branching/proxy/message_stream.h"

#include <string_view>
#include <utility>

namespace prism::branching {

runtime::Task<Result<Message>> MessageStream::Next(Until until) {
  while (true) {
    auto progress = reader_.Read(std::string_view(input_).substr(used_));
    CO_TRY_ASSIGN(const MessageReader::Progress step, std::move(progress));
    used_ += step.consumed;
    if (step.message) co_return *step.message;
    auto more = co_await stream_.Read(until);
    CO_TRY_ASSIGN(const std::string_view bytes, std::move(more));
    if (bytes.empty()) {
      co_return std::unexpected(
          Error(Code::kUnavailable, "CONNECTION_LOST", "the peer ended the connection"));
    }
    input_ = bytes;
    used_ = 0;
  }
}

std::string MessageStream::TakeRest() {
  input_.erase(0, std::exchange(used_, 0));
  return std::exchange(input_, {});
}

}  // namespace prism::branching
