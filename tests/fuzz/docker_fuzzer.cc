// What something that listens at the socket of Docker's engine sends. The first byte of an input
// chooses the reader, the rest is for it.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "branching/containers/engine_answers.h"
#include "branching/containers/engine_reply.h"

namespace {

using namespace prism::branching;  // NOLINT(google-build-using-namespace): one file, one module

void Require(bool holds) {
  if (!holds) std::abort();
}

// Nothing: it is no reply. The bytes come in pieces, and behind them nothing more.
std::optional<EngineReply> Read(std::string_view bytes, std::size_t piece) {
  EngineReplyReader reader;
  std::string in;
  while (!bytes.empty() && !reader.done()) {
    in += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    if (reader.Take(in)) return std::nullopt;
  }
  if (!reader.done() && reader.End()) return std::nullopt;
  return reader.Release();
}

template <class T>
void CheckReason(const prism::Result<T>& result) {
  if (!result) Require(result.error().reason() == "DOCKER_PROTOCOL");
}

void CheckAnswers(const EngineReply& reply) {
  const auto host = CheckHostInfo(reply);
  if (!host && host.error().reason() != "DOCKER_UNSUITABLE") CheckReason(host);
  const auto image = ReadImage(reply, "image");
  CheckReason(image);
  if (image) Require(!image->id.empty());
  const auto state = ReadContainerState(reply);
  CheckReason(state);
  if (state) Require(state->pid >= 0);
  CheckReason(ReadContainerIds(reply));
  CheckReason(ReadExitCode(reply));
  const prism::Error refused = Refused(reply, "starting");
  Require(refused.reason() == "DOCKER_REFUSED" && refused.message().size() < 600);
  Require(JoinLogFrames(reply.body).size() <= reply.body.size());
}

void CheckReply(std::string_view bytes) {
  const auto whole = Read(bytes, bytes.size());
  const auto pieces = Read(bytes, 1);
  Require(whole.has_value() == pieces.has_value());
  if (!whole) return;
  Require(whole->status == pieces->status && whole->body == pieces->body);
  Require(Succeeded(*whole) == (whole->status / 100 == 2));
  CheckAnswers(*whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'h') {
    CheckReply(rest);
  } else {
    CheckAnswers({.status = data[0] * 3, .body = std::string(rest)});
  }
  return 0;
}
