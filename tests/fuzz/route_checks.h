// What the fuzzers of resource routes demand of every route.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/status.h"
#include "base/utf8.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "rpc/resource_route.h"

namespace prism::fuzz {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

inline void RequireRefusal(const rpc::ResourceRoute& route, const Error& error) {
  Require(!error.reason().empty() && !error.message().empty());
  Require(base::IsValidUtf8(error.message()) && error.message().size() < 1000);
  const std::string_view status = route.StatusOf(error);
  Require(status.size() == 3 && status >= "400" && status < "600");
}

// A header that anybody could send on: no line end, nothing that is not ASCII.
inline void RequireHeaders(const gateway::testing::RecordedReply& reply) {
  for (const auto& [name, value] : reply.headers) {
    Require(std::ranges::all_of(value, [](char c) { return c >= ' ' && c < 0x7f; }));
  }
}

}  // namespace prism::fuzz
