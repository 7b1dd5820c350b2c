#include "gateway/admin/route_request.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "gateway/admin/text_fields.h"
#include "gateway/rest/escaped_text.h"
#include "gateway/rest/request_fields.h"
#include "gateway/rest/target.h"
#include "rpc/json/json_codec.h"
#include "rpc/query.h"

namespace prism::gateway {

namespace {

namespace pb = google::protobuf;

bool HasBody(const contract::MethodInfo& method) {
  return method.rest.starts_with("POST ") || method.rest.starts_with("PUT ") ||
         method.rest.starts_with("PATCH ");
}

// Pages of other sites may send forms and plain text without being asked for it first.
Error NotJson() {
  return InvalidField("CONTENT_TYPE_UNSUPPORTED", "content-type",
                      "must be application/json (curl: -H 'content-type: application/json')");
}

// Which fields have been said by now.
class RequestFiller {
 public:
  RequestFiller(const contract::MethodInfo& method, pb::Message& message)
      : method_(method), message_(message), type_(*message.GetDescriptor()) {}

  Status TakeBody(const rpc::ResourceRequest& request);
  Status TakePath(const RouteTemplate::Values& values);
  Status TakeQuery(std::string_view query);

 private:
  const pb::FieldDescriptor* FieldInQuery(const std::string& name) const;
  std::vector<std::string_view> NamesInQuery() const;
  Status TakeParameter(const std::string& name, std::string_view text);
  bool IsSet(const pb::FieldDescriptor& field) const;

  const contract::MethodInfo& method_;
  pb::Message& message_;
  const pb::Descriptor& type_;
  std::vector<const pb::FieldDescriptor*> in_path_;
  std::vector<const pb::FieldDescriptor*> in_query_;
};

// A field without presence that has its default counts as not set: saying so again is no
// contradiction.
bool RequestFiller::IsSet(const pb::FieldDescriptor& field) const {
  const pb::Reflection& reflection = *message_.GetReflection();
  if (const pb::OneofDescriptor* oneof = field.real_containing_oneof()) {
    return reflection.HasOneof(message_, oneof);
  }
  if (field.is_repeated()) return reflection.FieldSize(message_, &field) > 0;
  return reflection.HasField(message_, &field);
}

Status RequestFiller::TakeBody(const rpc::ResourceRequest& request) {
  if (!HasBody(method_)) return CheckNoBody(request);
  if (request.body.empty()) {
    if (method_.body_field.empty()) return {};
    return std::unexpected(
        InvalidField("BODY_REQUIRED", std::string(method_.body_field), "is the body: send it"));
  }
  if (!request.json) return std::unexpected(NotJson());
  pb::Message* into = &message_;
  if (!method_.body_field.empty()) {
    const auto* field = type_.FindFieldByName(std::string(method_.body_field));
    into = message_.GetReflection()->MutableMessage(&message_, field);
  }
  return rpc::ParseJson(request.body, *into);
}

Status RequestFiller::TakePath(const RouteTemplate::Values& values) {
  const pb::Reflection& reflection = *message_.GetReflection();
  for (const auto& [name, text] : values) {
    const pb::FieldDescriptor& field = *type_.FindFieldByName(std::string(name));
    TRY_ASSIGN(std::string value, DecodeText(text, TextPlace::kPath, name));
    if (IsSet(field) && reflection.GetString(message_, &field) != value) {
      return std::unexpected(InvalidField("PARAMETER_REPEATED", field.name(),
                                          "is another one in the body than in the path: leave it "
                                          "out of the body"));
    }
    reflection.SetString(&message_, &field, std::move(value));
    in_path_.push_back(&field);
  }
  return {};
}

const pb::FieldDescriptor* RequestFiller::FieldInQuery(const std::string& name) const {
  const pb::FieldDescriptor* field = type_.FindFieldByName(name);
  for (int i = 0; field == nullptr && i < type_.field_count(); ++i) {
    if (type_.field(i)->json_name() == name) field = type_.field(i);
  }
  if (field == nullptr || !IsTextField(*field) || field->name() == method_.body_field) {
    return nullptr;
  }
  return std::ranges::find(in_path_, field) == in_path_.end() ? field : nullptr;
}

std::vector<std::string_view> RequestFiller::NamesInQuery() const {
  std::vector<std::string_view> names;
  for (int i = 0; i < type_.field_count(); ++i) {
    const std::string& name = type_.field(i)->name();
    if (FieldInQuery(name) != nullptr) names.emplace_back(name);
  }
  return names;
}

Status RequestFiller::TakeParameter(const std::string& name, std::string_view text) {
  const pb::FieldDescriptor* field = FieldInQuery(name);
  if (field == nullptr) return std::unexpected(UnknownParameter(name, NamesInQuery()));
  // Those of a list may come as often as wanted, unless the body has said it.
  const bool again = std::ranges::find(in_query_, field) != in_query_.end();
  if (again ? !field->is_repeated() : IsSet(*field)) {
    return std::unexpected(
        InvalidField("PARAMETER_REPEATED", name, "is given more than once: which of them counts?"));
  }
  if (!again) in_query_.push_back(field);
  const bool code = field->type() == pb::FieldDescriptor::TYPE_BYTES;
  TRY_ASSIGN(const std::string value,
             DecodeText(text, code ? TextPlace::kQueryCode : TextPlace::kQuery, name));
  return SetFromText(*field, value, name, message_);
}

Status RequestFiller::TakeQuery(std::string_view query) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    TRY_ASSIGN(const std::string name,
               DecodeText(pair.substr(0, equals), TextPlace::kQuery, "query"));
    TRY(TakeParameter(name, pair.substr(std::min(equals + 1, pair.size()))));
  }
  return {};
}

}  // namespace

Status FillRequest(const contract::MethodInfo& method, const RouteTemplate::Values& values,
                   const rpc::ResourceRequest& request, pb::Message& message) {
  RequestFiller filler(method, message);
  TRY(filler.TakeBody(request));
  TRY(filler.TakePath(values));
  return filler.TakeQuery(rpc::QueryOf(request.target));
}

Status CheckOrigin(std::string_view origin, std::string_view authority) {
  if (origin.empty()) return {};
  const std::size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos) origin.remove_prefix(scheme + 3);
  if (origin == authority) return {};
  return std::unexpected(Error(Code::kPermissionDenied, "ORIGIN_NOT_ALLOWED",
                               "a page of another site may not change this server: ask from a page "
                               "of the admin port, or from a program"));
}

}  // namespace prism::gateway
