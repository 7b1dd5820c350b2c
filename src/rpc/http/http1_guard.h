// What the HTTP/1.1 library lets through, and another server or proxy might read otherwise: the
// parser sees only lines that passed here. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rpc/http/http1_codec.h"

namespace prism::rpc {

// RFC 9112 section 3.2. Empty scheme: origin-form or asterisk-form. The path of an absolute-form
// may be empty or begin with '?'.
struct Http1Target {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
};
std::optional<Http1Target> ParseHttp1Target(std::string_view method, std::string_view target);

// Cuts the input into sections that the parser gets whole: the head of a request, and what stands
// between the data of chunks (with the trailers behind the last one). Judges each line when it is
// complete, however it arrives in pieces. Life cycle: Begin..., then Check with ever more of the
// same input until it says kWhole or refuses.
class Http1LineGuard {
 public:
  explicit Http1LineGuard(const Http1Limits& limits) : limits_(limits) { BeginHead(); }

  // A request's head, with the empty line in front of it that RFC 9112 section 2.2 tolerates.
  void BeginHead();
  // A chunk's size line; `after_data`: with the line end of the data before it.
  void BeginChunk(bool after_data);

  struct Section {
    HttpRefusal refusal;
    std::size_t skip = 0;  // in front, not for the parser
    std::size_t size = 0;  // 0: more is needed
  };
  Section Check(std::string_view input);

  // Of a head, once its first line was good.
  bool is_head_request() const { return head_request_; }
  // The lines of the section that were complete and good, of the input of the last Check.
  std::string_view GoodLines(std::string_view input) const {
    return input.substr(skip_, at_ - skip_);
  }

 private:
  enum class Stage : std::uint8_t { kRequestLine, kFields, kDataEnd, kChunkSize, kTrailers, kDone };

  HttpRefusal CheckSize(std::size_t line_bytes) const;
  HttpRefusal OnLine(std::string_view line);
  HttpRefusal OnRequestLine(std::string_view line);
  HttpRefusal OnField(std::string_view line);
  HttpRefusal OnKnownField(std::string_view name, std::string_view value);
  HttpRefusal OnHeadEnd();
  HttpRefusal OnChunkSize(std::string_view line);

  const Http1Limits limits_;
  Stage stage_ = Stage::kRequestLine;
  std::size_t at_ = 0;  // where the line that is being judged begins
  std::size_t skip_ = 0;
  std::size_t fields_ = 0;
  bool version_11_ = false;
  bool head_request_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_transfer_encoding_ = false;
};

}  // namespace prism::rpc
