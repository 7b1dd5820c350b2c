// A configuration's text on its way to the server, however large it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "cli/shell.h"

namespace prism::cli {

// Calls a method that takes the text `text` of its requests in pieces; everything else stands in
// the first one.
template <class Request, class Response>
Result<Response> SendPieces(Shell& shell, std::string_view path, const Request& request,
                            std::string* (Request::*text)()) {
  constexpr std::size_t kPieceBytes = 256u << 10;
  const auto write = [&](rpc::ClientStream& stream) -> Status {
    Request piece = request;
    const std::string whole = std::move(*(piece.*text)());
    std::string_view left = whole;
    do {
      // Text that is not UTF-8 is cut anywhere: the server says so.
      std::string_view next = base::TruncateUtf8(left, kPieceBytes);
      if (next.empty()) next = left.substr(0, kPieceBytes);
      *(piece.*text)() = next;
      left.remove_prefix(next.size());
      TRY(stream.Write(piece));
      piece.Clear();
    } while (!left.empty());
    return {};
  };
  Response response;
  TRY(shell.AdminSend(path, write, response));
  return response;
}

}  // namespace prism::cli
