// Namespaces and backends have the same verbs: what differs is here, for the templates of
// record_verbs.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "prism/admin/v1/backends.pb.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::cli {

namespace adminpb = ::prism::admin::v1;

struct NamespaceKind {
  using Record = adminpb::Namespace;
  using Change = adminpb::NamespaceChange;
  using CreateRequest = adminpb::CreateNamespaceRequest;
  using GetRequest = adminpb::GetNamespaceRequest;
  using ListRequest = adminpb::ListNamespacesRequest;
  using ListResponse = adminpb::ListNamespacesResponse;
  using UpdateRequest = adminpb::UpdateNamespaceRequest;
  using DeleteRequest = adminpb::DeleteNamespaceRequest;
  using DeleteResponse = adminpb::DeleteNamespaceResponse;
  using HistoryRequest = adminpb::NamespaceHistoryRequest;
  using HistoryResponse = adminpb::NamespaceHistoryResponse;

  static constexpr std::string_view kNoun = "namespace";
  static constexpr std::string_view kArgument = "NAMESPACE";
  static constexpr std::string_view kService = "NamespaceAdmin";
  static constexpr std::string_view kFilterHelp =
      "Only those for which this holds, such as 'backend = \"redis\" AND tags:\"production\"'; "
      "over name, backend (its type), pattern, status, consistency, owner, tags, "
      "cache_ttl_seconds, rate_limit_rps, features, revision, created_by, created_at, updated_at, "
      "what it needs (latency_p99_ms < 10) and shadow.backend; "
      "at most 4096 bytes";

  static Record& In(CreateRequest& request) { return *request.mutable_namespace_(); }
  static Record& In(UpdateRequest& request) { return *request.mutable_namespace_(); }
  static const auto& Records(const ListResponse& response) { return response.namespaces(); }
  static std::vector<std::string> Header();
  static std::vector<std::string> Row(const Record& record);
};

struct BackendKind {
  using Record = adminpb::Backend;
  using Change = adminpb::BackendChange;
  using CreateRequest = adminpb::CreateBackendRequest;
  using GetRequest = adminpb::GetBackendRequest;
  using ListRequest = adminpb::ListBackendsRequest;
  using ListResponse = adminpb::ListBackendsResponse;
  using UpdateRequest = adminpb::UpdateBackendRequest;
  using DeleteRequest = adminpb::DeleteBackendRequest;
  using DeleteResponse = adminpb::DeleteBackendResponse;
  using HistoryRequest = adminpb::BackendHistoryRequest;
  using HistoryResponse = adminpb::BackendHistoryResponse;

  static constexpr std::string_view kNoun = "backend";
  static constexpr std::string_view kArgument = "BACKEND";
  static constexpr std::string_view kService = "BackendAdmin";
  static constexpr std::string_view kFilterHelp =
      "Only those for which this holds, such as 'type = \"redis\"'; over name, type, revision, "
      "created_by; at most 4096 bytes";

  static Record& In(CreateRequest& request) { return *request.mutable_backend(); }
  static Record& In(UpdateRequest& request) { return *request.mutable_backend(); }
  static const auto& Records(const ListResponse& response) { return response.backends(); }
  static std::vector<std::string> Header();
  static std::vector<std::string> Row(const Record& record);
};

// Settings as the command line gives them, for create and update.
struct SettingArguments {
  std::vector<std::string> sets;  // "key=value"
  std::vector<std::string> unsets;
  std::string file;                   // YAML; empty: none, "-": standard input
  std::vector<std::string> own;       // "key=value" of options with their own names
  std::vector<std::string> add_tags;  // of namespaces
  std::vector<std::string> remove_tags;
};

// Does to the record what the arguments say, in the order: file, options, --set, --unset, tags.
// `file_text`: the content of the file. Returns the names of the settings that were named; with
// mistakes INVALID_ARGUMENT/BAD_SETTING, or those of the file all at once.
Result<std::vector<std::string>> ApplySettings(const SettingArguments& arguments,
                                               std::string_view file_text,
                                               google::protobuf::Message& record);

// "rate_limit_rps: 100 -> 500; owner: ann" for one line of a table.
std::string ChangeSummary(const google::protobuf::Message* before,
                          const google::protobuf::Message* after);
// What differs in the settings, as YAML; null for a record that is not there.
std::string RecordDiff(const google::protobuf::Message* before,
                       const google::protobuf::Message* after, std::string_view before_name,
                       std::string_view after_name);

}  // namespace prism::cli
