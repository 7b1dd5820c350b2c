#include "branching/containers/engine_reply.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <utility>

namespace prism::branching {
namespace {

namespace http = boost::beast::http;

constexpr std::uint64_t kMaxBody = std::uint64_t{16} << 20;

}  // namespace

struct EngineReplyReader::Parser : http::response_parser<http::string_body> {};

EngineReplyReader::EngineReplyReader() : parser_(std::make_unique<Parser>()) {
  parser_->eager(true);
  parser_->body_limit(kMaxBody);
}
EngineReplyReader::EngineReplyReader(EngineReplyReader&&) noexcept = default;
EngineReplyReader& EngineReplyReader::operator=(EngineReplyReader&&) noexcept = default;
EngineReplyReader::~EngineReplyReader() = default;

bool EngineReplyReader::done() const { return parser_->is_done(); }

std::optional<std::string> EngineReplyReader::Take(std::string& bytes) {
  boost::beast::error_code error;
  const std::size_t used =
      parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  bytes.erase(0, used);
  if (!error || error == http::error::need_more) return std::nullopt;
  return error.message();
}

std::optional<std::string> EngineReplyReader::End() {
  boost::beast::error_code error;
  if (parser_->got_some()) parser_->put_eof(error);
  if (!error && done()) return std::nullopt;
  return "it ended in the middle of a reply";
}

EngineReply EngineReplyReader::Release() {
  const int status = static_cast<int>(parser_->get().result_int());
  return {.status = status, .body = std::move(parser_->get().body())};
}

}  // namespace prism::branching
