// What a client reads from servers and files: HTTP/2 and HTTP/1.1 answers, metrics, lines of import
// and txn, and the escaping of what it shows. The first byte chooses the parser.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "cli/metrics_text.h"
#include "cli/output.h"
#include "cli/record.h"
#include "rpc/client/client_http.h"
#include "rpc/client/client_session.h"
#include "rpc/client/client_status.h"
#include "rpc/client/client_target.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// A server's bytes to a client with one call open; everything that becomes of the call has an end
// or waits.
void CheckSession(std::string_view bytes) {
  prism::rpc::Http2ClientSession session;
  const auto id = session.Open(
      {{":method", "POST"}, {":scheme", "http"}, {":path", "/a/B"}, {":authority", "x"}});
  Require(id.has_value());
  session.Write(*id, "body");
  session.Finish(*id);
  std::string out;
  Require(session.Produce(out, 1 << 20).has_value());
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 7))) {
    if (!session.Receive(bytes.substr(0, 7))) return;
    out.clear();
    if (!session.Produce(out, 1 << 20)) return;
    if (session.Find(*id)->closed) {
      static_cast<void>(prism::rpc::EndOfCall(*session.Find(*id)));
      session.TakeBody(*id);
    }
  }
}

// However the bytes are cut, the answer is the same.
void CheckHttp(std::string_view bytes) {
  constexpr std::uint64_t kMaxBody = 4096;
  prism::rpc::HttpResponseParser whole(kMaxBody);
  const auto at_once = whole.Feed(bytes, true);
  prism::rpc::HttpResponseParser pieces(kMaxBody);
  while (true) {
    const std::string_view piece = bytes.substr(0, 3);
    bytes.remove_prefix(piece.size());
    const auto done = pieces.Feed(piece, bytes.empty());
    if (!done || *done) {
      // A head that is never finished, or a body beyond the bound, may be refused before the end is
      // seen.
      Require(!at_once || (done && *done && whole.reply().body == pieces.reply().body));
      return;
    }
    if (bytes.empty()) return Require(at_once.has_value() && !*at_once);
  }
}

void CheckLines(std::string_view line) {
  constexpr prism::WallMillis kNow = 1'795'000'000'000;
  const auto record = prism::cli::ParseRecord(line, kNow);
  if (!record) Require(!record.error().message().empty());
  const auto step = prism::cli::ParseStep(line, kNow);
  if (!step) Require(!step.error().message().empty());
}

// What is shown is UTF-8 without controls, whatever was stored.
void CheckPrintable(std::string_view bytes) {
  for (const std::string& shown :
       {prism::cli::Printable(bytes), prism::cli::Shortened(bytes, 10)}) {
    Require(prism::base::IsValidUtf8(shown));
    Require(std::none_of(shown.begin(), shown.end(),
                         [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }));
  }
}

void CheckTarget(std::string_view text) {
  const auto target = prism::rpc::ClientTarget::Parse(text);
  if (!target) return Require(!target.error().message().empty());
  Require(prism::rpc::ClientTarget::Parse(target->ToString()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      CheckSession(bytes);
      break;
    case 1:
      CheckHttp(bytes);
      break;
    case 2:
      CheckLines(bytes);
      break;
    case 3:
      CheckPrintable(bytes);
      break;
    case 4:
      CheckTarget(bytes);
      break;
    default:
      static_cast<void>(prism::cli::ParseMetrics(bytes));
      break;
  }
  return 0;
}
