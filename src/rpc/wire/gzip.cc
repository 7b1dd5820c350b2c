#include "rpc/wire/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "rpc/wire/grpc_frame.h"

namespace prism::rpc {
namespace {

// zlib: 15 bits of window, plus 16 for the gzip wrapper.
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;
// No more comes out of a byte (zlib's technical details); what says otherwise was cut off, or lies.
constexpr std::uint64_t kMaxRatio = 1032;
// Growth of the output while inflating; bounded so that a bomb is noticed after one step.
constexpr std::size_t kMinStep = 4 * 1024;
constexpr std::size_t kMaxStep = 1024 * 1024;

// zlib's next_in is not const, but is never written through.
Bytef* Input(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

Error Malformed() {
  return Error(
      Code::kInternal, "GZIP_MALFORMED",
      "a message is marked as gzip but does not decompress: the sender or a proxy corrupts "
      "it, or the message is truncated");
}

// What the message says of its own size (RFC 1952 section 2.3.1), modulo 2^32.
std::uint64_t DeclaredSize(std::string_view bytes) {
  constexpr std::size_t kSizeBytes = 4;
  if (bytes.size() < kSizeBytes) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 1; i <= kSizeBytes; ++i) {
    size = size << 8 | static_cast<unsigned char>(bytes[bytes.size() - i]);
  }
  return size;
}

// Never makes more than was declared, so that a bomb costs nothing: either it says how large it is,
// or it lies.
Status InflateAll(z_stream& stream, std::uint64_t declared, std::string& out) {
  out.reserve(declared + 1);
  for (;;) {
    const std::size_t have = out.size();
    // One byte more is enough to know that it lies.
    const std::size_t step =
        std::min<std::uint64_t>(std::clamp(have, kMinStep, kMaxStep), declared + 1 - have);
    out.resize(have + step);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(step);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + step - stream.avail_out);
    if (out.size() > declared) return std::unexpected(Malformed());
    if (result == Z_STREAM_END) return {};
    // Without progress (Z_BUF_ERROR) the input is truncated.
    if (result != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) {
      return std::unexpected(Malformed());
    }
  }
}

}  // namespace

void Gzip(std::string_view bytes, std::string& out) {
  z_stream stream{};
  // Only a lack of memory or wrong constants fail here.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
}

Status Gunzip(std::string_view bytes, std::uint64_t max_bytes, std::string& out) {
  out.clear();
  const std::uint64_t declared = DeclaredSize(bytes);
  if (declared > bytes.size() * kMaxRatio) return std::unexpected(Malformed());
  if (declared > max_bytes) return std::unexpected(MessageTooLarge(declared, max_bytes));
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindowBits) != Z_OK) std::abort();
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  Status status = InflateAll(stream, declared, out);
  const bool trailing_bytes = stream.avail_in != 0;
  inflateEnd(&stream);
  if (status && trailing_bytes) return std::unexpected(Malformed());
  return status;
}

}  // namespace prism::rpc
