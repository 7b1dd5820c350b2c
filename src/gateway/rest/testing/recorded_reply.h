// For tests and fuzzing: a reply that keeps what a route writes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/resource_route.h"

namespace prism::gateway::testing {

struct RecordedReply final : rpc::ResourceReply {
  void SetStatus(std::string_view value) override { status = value; }
  void AddHeader(std::string_view name, std::string_view value) override {
    headers.emplace_back(name, value);
  }
  void AppendBody(std::string_view bytes) override { body += bytes; }

  // All values with this name, one a line.
  std::string Header(std::string_view name) const {
    std::string values;
    for (const auto& [key, value] : headers) {
      if (key == name) values += (values.empty() ? "" : "\n") + value;
    }
    return values;
  }

  std::string status = "200";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

}  // namespace prism::gateway::testing
