#include "gateway/rest/request_fields.h"

#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "gateway/rest/escaped_text.h"

namespace prism::gateway {

namespace {

constexpr std::string_view kTagHeader = "prism-tag";
constexpr std::string_view kTtlHeader = "prism-ttl";
constexpr std::string_view kIdHeader = "idempotency-key";

// Nothing: the header is absent.
Result<std::optional<std::string_view>> OneValue(const rpc::RequestHeaders& headers,
                                                 std::string_view name) {
  std::optional<std::string_view> found;
  int lines = 0;
  headers.ForEach(name, [&](std::string_view value) {
    found = value;
    ++lines;
  });
  if (lines > 1) {
    return std::unexpected(InvalidField("HEADER_REPEATED", std::string(name),
                                        "is given more than once: which of them counts?"));
  }
  return found;
}

Status AddTag(std::string_view text, std::map<std::string, std::string>& tags) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return std::unexpected(InvalidField("TAG_MALFORMED", std::string(kTagHeader),
                                        "has a tag without '=': write name=value"));
  }
  TRY_ASSIGN(std::string name, DecodeText(text.substr(0, equals), TextPlace::kHeader, kTagHeader));
  TRY_ASSIGN(std::string value,
             DecodeText(text.substr(equals + 1), TextPlace::kHeader, kTagHeader));
  if (!tags.try_emplace(std::move(name), std::move(value)).second) {
    return std::unexpected(InvalidField("TAG_REPEATED", std::string(kTagHeader),
                                        "gives one tag two values: which of them counts?"));
  }
  return {};
}

}  // namespace

Result<std::optional<std::chrono::milliseconds>> ParseTtl(const rpc::RequestHeaders& headers) {
  TRY_ASSIGN(const auto text, OneValue(headers, kTtlHeader));
  if (!text) return std::nullopt;
  const auto ttl = base::ParseDuration(*text);
  if (ttl) return *ttl;
  // The value is not repeated: it may be long, and no text.
  return std::unexpected(
      InvalidField(ttl.error().reason(), std::string(kTtlHeader),
                   "is no duration: write numbers with a unit of ms, s, m, h or d, such as 250ms, "
                   "10s or 1m30s"));
}

Result<std::map<std::string, std::string>> ParseTags(const rpc::RequestHeaders& headers) {
  std::map<std::string, std::string> tags;
  Status status;
  headers.ForEach(kTagHeader, [&](std::string_view line) {
    while (status && !line.empty()) {
      const std::size_t comma = std::min(line.find(','), line.size());
      status = AddTag(base::Trim(line.substr(0, comma)), tags);
      line.remove_prefix(std::min(comma + 1, line.size()));
    }
  });
  TRY(std::move(status));
  return tags;
}

Result<std::string_view> ParseRequestId(const rpc::RequestHeaders& headers) {
  TRY_ASSIGN(const auto text, OneValue(headers, kIdHeader));
  if (!text) return std::string_view();
  std::string_view id = *text;
  if (id.starts_with('"') && id.ends_with('"') && id.size() > 1) {
    id = id.substr(1, id.size() - 2);
  }
  const bool visible =
      std::ranges::all_of(id, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (id.empty() || !visible) {
    return std::unexpected(
        InvalidField("IDEMPOTENCY_KEY_MALFORMED", std::string(kIdHeader),
                     "must be visible ASCII without quotes and backslashes, a UUID for instance"));
  }
  return id;
}

Status CheckBody(const rpc::ResourceRequest& request, rpc::ResourceReply& reply) {
  if (!request.headers.Find("content-range").empty()) {
    return std::unexpected(InvalidField(
        "CONTENT_RANGE_UNSUPPORTED", "content-range",
        "names a part of a value, and a value is written as a whole: send all of it without"));
  }
  const std::string_view encoding = request.headers.Find("content-encoding");
  if (encoding.empty() || base::EqualsNoCase(encoding, "identity")) return {};
  reply.AddHeader("accept-encoding", "identity");
  return std::unexpected(
      Error(Code::kUnimplemented, "COMPRESSION_UNSUPPORTED",
            "a value is stored as it is sent, and no answer could name its encoding: send it "
            "without Content-Encoding, decoded or as the bytes that you want to read again"));
}

Status CheckNoBody(const rpc::ResourceRequest& request) {
  if (request.body.empty()) return {};
  return std::unexpected(InvalidField("BODY_UNEXPECTED", "body",
                                      "means nothing in a GET, HEAD or DELETE: leave it out"));
}

}  // namespace prism::gateway
