// What the verbs of `prism kv` have in common.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/shell.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace CLI {
class App;
}

namespace prism::cli {

namespace kvpb = ::prism::keyvalue::v1;

// "KeyValueBasic/Get" as a path.
std::string KvPath(std::string_view method);

// What nearly every verb takes.
struct KvTarget {
  std::string ns;
  std::string key;
};
void AddNamespace(CLI::App& verb, std::string& ns);
void AddKey(CLI::App& verb, std::string& key);

// --ttl and --tag.
struct WriteOptions {
  std::optional<std::chrono::milliseconds> ttl;
  std::vector<std::string> tags;
};
void AddWriteOptions(CLI::App& verb, WriteOptions& options);
// An option that takes a duration; bad usage when it can't be read.
void AddDuration(CLI::App& verb, const std::string& name,
                 std::optional<std::chrono::milliseconds>& into, const std::string& description);

void SetDuration(std::chrono::milliseconds duration, google::protobuf::Duration& into);

// Copies --ttl and --tag into a request that has `ttl` and `tags`.
template <class Request>
Status ApplyWriteOptions(const WriteOptions& options, Request& request);

// {"key":..., "value": base64, "version":..., "expire_time": RFC 3339, "tags": {...}}; what is
// unset is left out, but for `value`, which is always there unless `keys_only`.
nlohmann::ordered_json EntryToJson(const kvpb::Entry& entry, bool keys_only);
// "2026-11-21T05:00:00.250Z", or "" for none.
std::string ExpiryText(const google::protobuf::Timestamp& time);
std::string TagsText(const google::protobuf::Map<std::string, std::string>& tags);

// Asks once whether the namespace is served, before long work that would only repeat the same
// error.
Status ProbeNamespace(Shell& shell, const std::string& ns);

// Prints the version and durability of a write.
void PrintWritten(const Shell& shell, const std::string& version, const rpc::Reply& reply);

}  // namespace prism::cli

#include "cli/input.h"

namespace prism::cli {

template <class Request>
Status ApplyWriteOptions(const WriteOptions& options, Request& request) {
  if (options.ttl) SetDuration(*options.ttl, *request.mutable_ttl());
  TRY_ASSIGN(const auto tags, ParseTags(options.tags));
  request.mutable_tags()->insert(tags.begin(), tags.end());
  return {};
}

}  // namespace prism::cli
