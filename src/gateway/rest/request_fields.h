// What the headers of a resource request say beside its conditions. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/resource_route.h"

namespace prism::gateway {

// "Prism-Ttl: 1m30s". BAD_DURATION, HEADER_REPEATED.
Result<std::optional<std::chrono::milliseconds>> ParseTtl(const rpc::RequestHeaders& headers);

// "Prism-Tag: device=phone, owner=ada", as often as wanted, names and values escaped as in URLs.
// TAG_MALFORMED, TAG_REPEATED, and what DecodeText refuses.
Result<std::map<std::string, std::string>> ParseTags(const rpc::RequestHeaders& headers);

// "Idempotency-Key: 7f3a", in double quotes or without. Empty: not given.
// IDEMPOTENCY_KEY_MALFORMED, HEADER_REPEATED.
Result<std::string_view> ParseRequestId(const rpc::RequestHeaders& headers);

// A body that is what it seems: COMPRESSION_UNSUPPORTED, CONTENT_RANGE_UNSUPPORTED.
Status CheckBody(const rpc::ResourceRequest& request, rpc::ResourceReply& reply);
// BODY_UNEXPECTED.
Status CheckNoBody(const rpc::ResourceRequest& request);

}  // namespace prism::gateway
