#include "codegen/openapi_writer.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "codegen/names.h"
#include "codegen/openapi_schema.h"

namespace prism::codegen {

namespace pb = google::protobuf;

namespace {

constexpr std::string_view kAbout =
    "Each method of the contract is a POST of its request as JSON (the Connect protocol with the "
    "proto3 JSON mapping): 64-bit numbers are strings, bytes are base64, what has its default is "
    "left out of answers. Names of fields that are not known are refused. The same paths take "
    "Protobuf, gRPC and gRPC-Web by their content types, and only there are the methods that "
    "stream: OpenAPI has no form for messages in envelopes.\n\n"
    "Every error is JSON: a code, a message that says what to do, and a stable reason in its first "
    "detail.";

// What only one of the ports has.
struct PortText {
  std::string_view title;
  std::string_view about;
  std::string_view server;
  std::string_view address;
};
constexpr PortText kDataText = {
    "Prism", "Resource routes below /v1/ carry a value as it is, so that no client is needed.",
    "The data port.", "127.0.0.1:8980"};
constexpr PortText kAdminText = {
    "Prism administration",
    "Routes below /admin/v1/ carry the same messages: what is in the path or the query stands for "
    "fields of the request.",
    "The admin port.", "127.0.0.1:8981"};

constexpr std::string_view kJsonType = "application/json";

Json TextSchema() { return {{"type", "string"}}; }

Json Component(std::string_view kind, std::string_view name) {
  return {{"$ref", "#/components/" + std::string(kind) + "/" + std::string(name)}};
}

Json Content(std::string_view type, Json schema) {
  return {{std::string(type), {{"schema", std::move(schema)}}}};
}

// A body that is no JSON document.
Json BytesContent(std::string_view type) {
  return Content(type, {{"type", "string"}, {"format", "binary"}});
}

// "GET /v1/{namespace}" -> "get", "/v1/{namespace}".
std::pair<std::string, std::string> VerbAndPath(const std::string& rest) {
  const std::size_t space = rest.find(' ');
  std::string verb = rest.substr(0, space);
  std::ranges::transform(verb, verb.begin(), [](unsigned char c) { return std::tolower(c); });
  return {verb, rest.substr(space + 1)};
}

Json ParameterSchema(const contract::v1::RouteParameter& parameter) {
  switch (parameter.type()) {
    case contract::v1::RouteParameter::INTEGER:
      return {{"type", "integer"}, {"format", "int64"}};
    case contract::v1::RouteParameter::BOOLEAN:
      return {{"type", "boolean"}};
    default:
      return TextSchema();
  }
}

Json HeaderObject(const contract::v1::RouteParameter& header) {
  return {{"description", header.description()}, {"schema", ParameterSchema(header)}};
}

Json ParameterObject(const char* in, const contract::v1::RouteParameter& parameter) {
  return {{"name", parameter.name()},
          {"in", in},
          {"description", parameter.description()},
          {"schema", ParameterSchema(parameter)}};
}

// What two operations of one path and verb have, as one: `more` is told apart by its parameters.
void Merge(Json& operation, const Json& more) {
  operation["description"] =
      operation["description"].get<std::string>() + "\n\n" + more["description"].get<std::string>();
  for (const Json& parameter : more["parameters"]) {
    Json& known = operation["parameters"];
    if (std::ranges::find(known, parameter) == known.end()) known.push_back(parameter);
  }
  for (const auto& [status, answer] : more["responses"].items()) {
    Json& known = operation["responses"][status];
    if (known.is_null() || known.contains("$ref")) {
      known = answer;
      continue;
    }
    known["description"] = known["description"].get<std::string>() + "\n\n" +
                           answer.value("description", std::string());
    for (const char* part : {"headers", "content"}) {
      if (answer.contains(part)) known[part].update(answer[part]);
    }
  }
}

class Document {
 public:
  Document(const FileList& files, const PortText& text) : files_(files), text_(text) {}
  Json Make();

 private:
  void AddService(const pb::ServiceDescriptor& service);
  void AddCall(const pb::MethodDescriptor& method);
  void AddRoute(const pb::MethodDescriptor& method);
  void AddOperation(const std::string& path, const std::string& verb, Json operation);
  Json RouteOperation(const pb::MethodDescriptor& method, const std::string& path);
  Json PathParameters(const pb::MethodDescriptor& method, const std::string& path);
  Json FieldParameters(const pb::MethodDescriptor& method, const std::string& path);
  Json RouteBody(const pb::MethodDescriptor& method);
  Json RouteAnswerContent(const pb::MethodDescriptor& method,
                          const contract::v1::RouteAnswer& answer);
  Json QueryNames(const pb::MethodDescriptor& method, const std::string& field);
  Json Components();
  template <class Visit>
  void ForEachMethod(const Visit& visit) const;

  const FileList files_;
  const PortText& text_;
  OpenApiSchemas schemas_;
  Json tags_ = Json::array();
  Json paths_ = Json::object();
};

template <class Visit>
void Document::ForEachMethod(const Visit& visit) const {
  for (const pb::FileDescriptor* file : files_) {
    for (int i = 0; i < file->service_count(); ++i) {
      const pb::ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) visit(*service.method(j));
    }
  }
}

std::string OperationId(const pb::MethodDescriptor& method) {
  return method.service()->name() + "_" + method.name();
}

std::string TagOf(const pb::ServiceDescriptor& service) {
  const std::string id = InterfaceId(service);
  return id.empty() ? service.name() : id;
}

std::string ResourceTag(const pb::ServiceDescriptor& service) {
  return IsAdmin(*service.file()) ? TagOf(service) : ModelOf(*service.file()) + "_resources";
}

std::string Describe(const pb::MethodDescriptor& method) {
  std::string text = TextOf(CommentOf(method));
  switch (TraitsOf(method).retry()) {
    case contract::v1::ALWAYS:
      return text + "\n\nMay be sent again after an error that leaves its outcome open.";
    case contract::v1::WITH_REQUEST_ID:
      return text +
             "\n\nMay be sent again after an error that leaves its outcome open when it carries a "
             "request id.";
    default:
      return text + "\n\nMust not be sent again after an error that leaves its outcome open.";
  }
}

// Whether it writes data: what that survives is part of its answer.
bool Writes(const pb::MethodDescriptor& method) {
  return TraitsOf(method).access() == contract::v1::WRITE && !IsAdmin(*method.file());
}

// Headers that every request may have.
Json CommonParameters(const pb::MethodDescriptor& method) {
  Json parameters = Json::array();
  if (Writes(method)) parameters.push_back(Component("parameters", "MinDurability"));
  parameters.push_back(Component("parameters", "RequestId"));
  return parameters;
}

Json CommonAnswerHeaders(const pb::MethodDescriptor& method) {
  Json headers = Json::object();
  if (Writes(method)) headers["Prism-Durability"] = Component("headers", "Durability");
  return headers;
}

void Document::AddCall(const pb::MethodDescriptor& method) {
  if (method.client_streaming() || method.server_streaming()) return;
  Json parameters = CommonParameters(method);
  parameters.push_back(Component("parameters", "ConnectTimeout"));
  Json good = {{"description", TextOf(CommentOf(*method.output_type()))}};
  if (Json headers = CommonAnswerHeaders(method); !headers.empty()) good["headers"] = headers;
  good["content"] = Content(kJsonType, schemas_.AddAnswer(*method.output_type()));
  const Json request = Content(kJsonType, schemas_.AddRequest(*method.input_type()));
  AddOperation("/" + method.service()->full_name() + "/" + method.name(), "post",
               {{"tags", Json::array({TagOf(*method.service())})},
                {"operationId", OperationId(method)},
                {"description", Describe(method)},
                {"parameters", parameters},
                {"requestBody", {{"required", true}, {"content", request}}},
                {"responses", {{"200", good}, {"default", Component("responses", "Error")}}}});
}

// The fields that stand in the path.
Json Document::PathParameters(const pb::MethodDescriptor& method, const std::string& path) {
  Json parameters = Json::array();
  for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{', open)) {
    const std::size_t close = path.find('}', open);
    const std::string name = path.substr(open + 1, close - open - 1);
    const pb::FieldDescriptor& field = *method.input_type()->FindFieldByName(name);
    parameters.push_back({{"name", name},
                          {"in", "path"},
                          {"required", true},
                          {"description", TextOf(CommentOf(field))},
                          {"schema", schemas_.FieldSchema(field)}});
    open = close;
  }
  return parameters;
}

// The two ways to name in the query what the path does not: as text, and as base64.
Json Document::QueryNames(const pb::MethodDescriptor& method, const std::string& name) {
  const pb::FieldDescriptor& field = *method.input_type()->FindFieldByName(name);
  return {{{"name", name},
           {"in", "query"},
           {"description", TextOf(CommentOf(field))},
           {"schema", schemas_.FieldSchema(field)}},
          {{"name", name + "_b64"},
           {"in", "query"},
           {"description", "The same in base64 (either alphabet, padding optional)."},
           {"schema", TextSchema()}}};
}

// The fields that stand in the query of an admin route: all that have a short text and are neither
// in the path nor in the body.
Json Document::FieldParameters(const pb::MethodDescriptor& method, const std::string& path) {
  const contract::v1::RouteTraits route = TraitsOf(method).route();
  Json parameters = Json::array();
  if (!route.body().empty() && route.body_field().empty()) return parameters;
  for (int i = 0; i < method.input_type()->field_count(); ++i) {
    const pb::FieldDescriptor& field = *method.input_type()->field(i);
    if (field.name() == route.body_field()) continue;
    if (path.find("{" + field.name() + "}") != std::string::npos) continue;
    parameters.push_back({{"name", field.json_name()},
                          {"in", "query"},
                          {"description", TextOf(CommentOf(field))},
                          {"schema", schemas_.FieldSchema(field)}});
  }
  return parameters;
}

Json Document::RouteBody(const pb::MethodDescriptor& method) {
  const contract::v1::RouteTraits route = TraitsOf(method).route();
  if (!IsAdmin(*method.file())) return BytesContent(route.body());
  const pb::Descriptor* message = method.input_type();
  if (!route.body_field().empty()) {
    message = message->FindFieldByName(route.body_field())->message_type();
  }
  return Content(kJsonType, schemas_.AddRequest(*message));
}

Json Document::RouteAnswerContent(const pb::MethodDescriptor& method,
                                  const contract::v1::RouteAnswer& answer) {
  if (answer.body() != kJsonType) return BytesContent(answer.body());
  if (answer.status() >= 300) return Content(kJsonType, Component("schemas", "Error"));
  return Content(kJsonType, schemas_.AddAnswer(*method.output_type()));
}

Json Document::RouteOperation(const pb::MethodDescriptor& method, const std::string& path) {
  const contract::v1::RouteTraits route = TraitsOf(method).route();
  Json parameters = PathParameters(method, path);
  for (const auto& query : route.query()) parameters.push_back(ParameterObject("query", query));
  if (IsAdmin(*method.file())) {
    for (Json& field : FieldParameters(method, path)) parameters.push_back(std::move(field));
  }
  for (const auto& header : route.headers()) {
    parameters.push_back(ParameterObject("header", header));
  }
  for (Json& parameter : CommonParameters(method)) parameters.push_back(std::move(parameter));
  parameters.push_back(Component("parameters", "Timeout"));
  Json responses = Json::object();
  for (const contract::v1::RouteAnswer& answer : route.answers()) {
    Json object = {{"description", answer.description()}};
    Json headers = answer.status() < 300 ? CommonAnswerHeaders(method) : Json::object();
    for (const auto& header : answer.headers()) headers[header.name()] = HeaderObject(header);
    if (!headers.empty()) object["headers"] = std::move(headers);
    if (!answer.body().empty()) object["content"] = RouteAnswerContent(method, answer);
    responses[std::to_string(answer.status())] = std::move(object);
  }
  responses["default"] = Component("responses", "Error");
  Json operation = {{"tags", Json::array({ResourceTag(*method.service())})},
                    {"operationId", "resource_" + OperationId(method)},
                    {"description", Describe(method)},
                    {"parameters", std::move(parameters)}};
  if (!route.body().empty()) {
    operation["requestBody"] = {{"required", true}, {"content", RouteBody(method)}};
  }
  operation["responses"] = std::move(responses);
  return operation;
}

// The answer without its body.
Json HeadOf(Json operation) {
  operation["operationId"] = operation["operationId"].get<std::string>() + "_head";
  operation["description"] = "As GET, without the body.";
  for (Json& answer : operation["responses"]) {
    if (answer.contains("$ref")) answer = {{"description", "As GET, without the body."}};
    answer.erase("content");
  }
  return operation;
}

void Document::AddRoute(const pb::MethodDescriptor& method) {
  const contract::v1::MethodTraits traits = TraitsOf(method);
  if (traits.rest().empty()) return;
  const auto [verb, path] = VerbAndPath(traits.rest());
  const auto add = [&](const std::string& where, const Json& operation) {
    AddOperation(where, verb, operation);
    // A stream has no answer whose size or version could be asked for.
    if (verb == "get" && !method.server_streaming()) AddOperation(where, "head", HeadOf(operation));
  };
  Json operation = RouteOperation(method, path);
  add(path, operation);
  if (!traits.route().last_in_query()) return;
  // The same resource, named in the query.
  const std::size_t last = path.rfind("/{");
  const std::string collection = path.substr(0, last);
  const std::string field = path.substr(last + 2, path.size() - last - 3);
  Json variant = RouteOperation(method, collection);
  variant["operationId"] = operation["operationId"].get<std::string>() + "_by_query";
  variant["description"] =
      "With `" + field + "` or `" + field + "_b64`: " + variant["description"].get<std::string>();
  for (Json& name : QueryNames(method, field)) variant["parameters"].push_back(std::move(name));
  add(collection, variant);
}

void Document::AddOperation(const std::string& path, const std::string& verb, Json operation) {
  Json& place = paths_[path][verb];
  if (place.is_null()) {
    place = std::move(operation);
  } else {
    Merge(place, operation);
  }
}

void Document::AddService(const pb::ServiceDescriptor& service) {
  tags_.push_back({{"name", TagOf(service)}, {"description", TextOf(CommentOf(service))}});
  for (int i = 0; i < service.method_count(); ++i) AddCall(*service.method(i));
}

// What errors are, and the levels of durability.
void AddCommonSchemas(Json& schemas) {
  const Json code = {"canceled",
                     "unknown",
                     "invalid_argument",
                     "deadline_exceeded",
                     "not_found",
                     "already_exists",
                     "permission_denied",
                     "resource_exhausted",
                     "failed_precondition",
                     "aborted",
                     "out_of_range",
                     "unimplemented",
                     "internal",
                     "unavailable",
                     "data_loss",
                     "unauthenticated"};
  schemas["ErrorDetail"] = {
      {"type", "object"},
      {"description",
       "A fact about an error. The first is a google.rpc.ErrorInfo with the stable reason."},
      {"required", {"type", "value"}},
      {"properties",
       {{"type", {{"type", "string"}, {"description", "Full name of the message."}}},
        {"value",
         {{"type", "string"},
          {"format", "byte"},
          {"contentEncoding", "base64"},
          {"description", "The message as Protobuf."}}},
        {"debug",
         {{"type", "object"},
          {"description", "The message as JSON; of an ErrorInfo: reason, domain, metadata."},
          {"additionalProperties", true}}}}}};
  schemas["Error"] = {
      {"type", "object"},
      {"description", "Why a request failed."},
      {"required", {"code", "message"}},
      {"properties",
       {{"code", {{"type", "string"}, {"description", "The canonical code."}, {"enum", code}}},
        {"message",
         {{"type", "string"}, {"description", "What happened and what to do, for people."}}},
        {"details", {{"type", "array"}, {"items", Component("schemas", "ErrorDetail")}}}}}};
  schemas["Durability"] = {
      {"type", "string"},
      {"description", "What a write survives: each level includes those before it."},
      {"enum", {"memory", "accepted", "fsynced", "replicated"}}};
}

// What every operation refers to.
Json Document::Components() {
  Json schemas = std::move(schemas_).Take();
  AddCommonSchemas(schemas);
  return {
      {"schemas", std::move(schemas)},
      {"parameters",
       {{"RequestId",
         {{"name", "X-Request-Id"},
          {"in", "header"},
          {"description", "Names the request in logs and in the answer."},
          {"schema", TextSchema()}}},
        {"ConnectTimeout",
         {{"name", "Connect-Timeout-Ms"},
          {"in", "header"},
          {"description", "How long the call may take."},
          {"schema", {{"type", "integer"}, {"minimum", 0}, {"maximum", 9'999'999'999}}}}},
        {"Timeout",
         {{"name", "Prism-Timeout"},
          {"in", "header"},
          {"description", "How long the request may take, with its unit: \"500ms\"."},
          {"schema", TextSchema()}}},
        {"MinDurability",
         {{"name", "Prism-Min-Durability"},
          {"in", "header"},
          {"description", "Refuses the write, before anything is done, where it would last less."},
          {"schema", Component("schemas", "Durability")}}}}},
      {"headers",
       {{"Durability",
         {{"description", "How the write lasts."}, {"schema", Component("schemas", "Durability")}}},
        {"RetryAfter",
         {{"description", "Seconds after which the same request may succeed."},
          {"schema", {{"type", "integer"}}}}}}},
      {"responses",
       {{"Error",
         {{"description", "The request failed; nothing was changed unless the message says so."},
          {"headers", {{"Retry-After", Component("headers", "RetryAfter")}}},
          {"content", Content(kJsonType, Component("schemas", "Error"))}}}}}};
}

Json Document::Make() {
  // First what is answered: it is open to new fields, whatever else uses it.
  ForEachMethod([&](const auto& method) { schemas_.AddAnswer(*method.output_type()); });
  for (const pb::FileDescriptor* file : files_) {
    for (int i = 0; i < file->service_count(); ++i) AddService(*file->service(i));
  }
  ForEachMethod([&](const auto& method) { AddRoute(method); });
  for (const pb::FileDescriptor* file : files_) {
    if (IsAdmin(*file)) continue;
    tags_.push_back({{"name", ModelOf(*file) + "_resources"},
                     {"description", "Resource routes of " + ModelOf(*file) + "."}});
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", text_.title},
            {"version", "v1"},
            {"description", std::string(kAbout) + "\n\n" + std::string(text_.about)},
            {"license", {{"name", "MIT"}, {"identifier", "MIT"}}}}},
          {"servers",
           {{{"url", "http://{address}"},
             {"description", text_.server},
             {"variables", {{"address", {{"default", text_.address}}}}}}}},
          {"tags", tags_},
          {"paths", paths_},
          {"components", Components()}};
}

}  // namespace

std::string OpenApiDocument(const FileList& files, Port port) {
  const bool admin = port == Port::kAdmin;
  FileList its;
  for (const pb::FileDescriptor* file : files) {
    if (IsAdmin(*file) == admin) its.push_back(file);
  }
  return Document(its, admin ? kAdminText : kDataText).Make().dump(2) + "\n";
}

}  // namespace prism::codegen
