#include "cli/bench/wire.h"

#include <algorithm>
#include <charconv>

namespace prism::cli {
namespace {

constexpr std::uint32_t kStaticTableSize = 61;  // RFC 7541 appendix A

// Lengths stay below the 7-bit prefix here: every header of a load request is short.
void AppendLiteral(std::string& out, std::string_view text) {
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

std::string_view View(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool AllIndexed(std::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x80 && byte < 0xff;
  });
}

}  // namespace

FrameHeader ParseFrameHeader(const std::uint8_t* b) {
  return {.length = std::uint32_t{b[0]} << 16 | std::uint32_t{b[1]} << 8 | b[2],
          .type = b[3],
          .flags = b[4],
          .stream = (std::uint32_t{b[5]} << 24 | std::uint32_t{b[6]} << 16 |
                     std::uint32_t{b[7]} << 8 | b[8]) &
                    0x7fffffffu};
}

void AppendUint32(std::string& out, std::uint32_t value) {
  const char bytes[4] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                         static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, sizeof bytes);
}

void AppendFrameHeader(std::string& out, std::size_t length, std::uint8_t type, std::uint8_t flags,
                       std::uint32_t stream) {
  const char head[5] = {static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                        static_cast<char>(length), static_cast<char>(type),
                        static_cast<char>(flags)};
  out.append(head, sizeof head);
  AppendUint32(out, stream);
}

void HeaderEncoder::Append(std::string& out, int name_index, std::string_view name,
                           std::string_view value) {
  std::string key(name);
  key.push_back('\0');
  key.append(value);
  if (const auto known = inserted_.find(key); known != inserted_.end()) {
    const auto age = static_cast<std::uint32_t>(inserted_.size()) - 1 - known->second;
    out.push_back(static_cast<char>(0x80 | (kStaticTableSize + 1 + age)));
    return;
  }
  out.push_back(static_cast<char>(0x40 | name_index));
  if (name_index == 0) AppendLiteral(out, name);
  AppendLiteral(out, value);
  inserted_.emplace(std::move(key), static_cast<std::uint32_t>(inserted_.size()));
}

HeaderDecoder::HeaderDecoder() { nghttp2_hd_inflate_new(&inflater_); }
HeaderDecoder::~HeaderDecoder() { nghttp2_hd_inflate_del(inflater_); }

Result<const ResponseHeaders*> HeaderDecoder::Decode(std::string_view block) {
  const bool indexed = AllIndexed(block);
  if (indexed) {
    if (const auto known = remembered_.find(std::string(block)); known != remembered_.end())
      return &known->second;
  } else {
    remembered_.clear();  // a literal may shift every dynamic index
  }
  last_ = {};
  TRY(Inflate(block, last_));
  if (indexed) remembered_.emplace(block, last_);
  return &last_;
}

Status HeaderDecoder::Inflate(std::string_view block, ResponseHeaders& into) {
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, in, left, 1);
    if (used < 0) {
      return std::unexpected(Error(Code::kInternal, "BAD_HEADER_BLOCK",
                                   "the server sent a header block that does not decode"));
    }
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      const auto name = View(field.name, field.namelen);
      const auto value = View(field.value, field.valuelen);
      if (name == ":status") into.http_ok = value == "200";
      if (name == "grpc-message") into.grpc_message = value;
      if (name == "grpc-status")
        std::from_chars(value.data(), value.data() + value.size(), into.grpc_status);
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return {};
}

}  // namespace prism::cli
