#include "codegen/check.h"

#include <map>
#include <set>
#include <string_view>

#include "codegen/names.h"

namespace prism::codegen {

namespace pb = google::protobuf;

namespace {

using contract::v1::MethodTraits;

class Checker {
 public:
  void CheckService(const pb::ServiceDescriptor& service);
  void CheckMessage(const pb::Descriptor& message);
  void CheckEnum(const pb::EnumDescriptor& type);
  std::vector<std::string> TakeErrors() { return std::move(errors_); }

 private:
  template <class Descriptor>
  void Complain(const Descriptor& at, const std::string& what) {
    errors_.push_back(PositionOf(at) + ": " + what);
  }
  void CheckId(const pb::ServiceDescriptor& service);
  void CheckNames(const pb::MethodDescriptor& method);
  void CheckTraits(const pb::MethodDescriptor& method);
  void CheckRoute(const pb::MethodDescriptor& method, const std::string& rest);
  void CheckRouteTraits(const pb::MethodDescriptor& method, const MethodTraits& traits);
  void CheckRequest(const pb::MethodDescriptor& method);
  template <class Descriptor>
  void CheckComment(const Descriptor& descriptor, const std::string& name);

  std::vector<std::string> errors_;
  std::map<std::string, std::string> service_of_id_;
  std::map<std::string, std::string> method_of_route_;
};

std::string Name(const pb::MethodDescriptor& method) {
  return method.service()->name() + "." + method.name();
}

bool IsString(const pb::FieldDescriptor* field) {
  return field != nullptr && field->type() == pb::FieldDescriptor::TYPE_STRING &&
         !field->is_repeated() && field->containing_oneof() == nullptr;
}

bool IsMessage(const pb::FieldDescriptor* field) {
  return field != nullptr && field->type() == pb::FieldDescriptor::TYPE_MESSAGE &&
         !field->is_repeated();
}

void Checker::CheckService(const pb::ServiceDescriptor& service) {
  const bool prism = IsPrism(*service.file());
  if (prism) CheckId(service);
  for (int i = 0; i < service.method_count(); ++i) {
    const pb::MethodDescriptor& method = *service.method(i);
    CheckNames(method);
    if (!prism) continue;
    CheckComment(method, "rpc " + Name(method));
    CheckTraits(method);
    if (!InterfaceId(service).empty()) CheckRequest(method);
  }
}

void Checker::CheckId(const pb::ServiceDescriptor& service) {
  if (!service.options().HasExtension(contract::v1::interface)) {
    Complain(service, "service " + service.name() +
                          " says nothing about its interface: set option "
                          "(prism.contract.v1.interface), to \"\" when it is no data interface");
    return;
  }
  const std::string id = InterfaceId(service);
  if (id.empty()) return;
  const std::string expected = ExpectedInterfaceId(service);
  if (expected.empty()) {
    Complain(service, "service " + service.name() + " must be named after its model: the package " +
                          service.file()->package() + " says \"" + ModelOf(*service.file()) + "\"");
  } else if (id != expected) {
    Complain(service, "interface id \"" + id + "\" of service " + service.name() + " must be \"" +
                          expected + "\"");
  }
  const auto [first, is_new] = service_of_id_.emplace(id, service.full_name());
  if (!is_new) {
    Complain(service, "interface id \"" + id + "\" of service " + service.full_name() +
                          " is taken by " + first->second);
  }
}

// Names that the C++ class of the service could not carry.
void Checker::CheckNames(const pb::MethodDescriptor& method) {
  const pb::ServiceDescriptor& service = *method.service();
  const std::string& name = method.name();
  if (name.empty() || name[0] < 'A' || name[0] > 'Z' || name.find('_') != std::string::npos) {
    Complain(method, "rpc " + Name(method) + " must be in PascalCase");
  }
  if (name == service.name()) {
    Complain(method, "rpc " + Name(method) + " has the name of its service: its C++ class would " +
                         "take it for a constructor");
  }
  for (int i = 0; i < service.method_count(); ++i) {
    for (const pb::Descriptor* message :
         {service.method(i)->input_type(), service.method(i)->output_type()}) {
      if (message->name() != name) continue;
      Complain(method, "rpc " + Name(method) + " has the name of the message " +
                           message->full_name() + ", which it would hide in its C++ class");
      return;
    }
  }
}

// The comments are the reference.
template <class Descriptor>
void Checker::CheckComment(const Descriptor& descriptor, const std::string& name) {
  if (CommentOf(descriptor).empty()) {
    Complain(descriptor, name + " has no comment: say what it means, its bounds and its errors");
  }
}

void Checker::CheckMessage(const pb::Descriptor& message) {
  if (message.options().map_entry()) return;
  CheckComment(message, "message " + message.name());
  for (int i = 0; i < message.field_count(); ++i) {
    CheckComment(*message.field(i), "field " + message.name() + "." + message.field(i)->name());
  }
  for (int i = 0; i < message.enum_type_count(); ++i) CheckEnum(*message.enum_type(i));
  for (int i = 0; i < message.nested_type_count(); ++i) CheckMessage(*message.nested_type(i));
}

// The value 0 says that nothing was said, as in every enum.
void Checker::CheckEnum(const pb::EnumDescriptor& type) {
  CheckComment(type, "enum " + type.name());
  for (int i = 0; i < type.value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *type.value(i);
    if (value.number() != 0) CheckComment(value, "value " + type.name() + "." + value.name());
  }
}

void Checker::CheckTraits(const pb::MethodDescriptor& method) {
  if (!method.options().HasExtension(contract::v1::traits)) {
    Complain(method,
             "rpc " + Name(method) + " has no option (prism.contract.v1.traits) = {access, retry}");
    return;
  }
  const MethodTraits traits = TraitsOf(method);
  if (traits.access() == contract::v1::ACCESS_UNSPECIFIED) {
    Complain(method, "rpc " + Name(method) + ": traits need access READ or WRITE");
  }
  // What generators of clients know of it: those for Connect then call by GET.
  const bool says_so = method.options().idempotency_level() == pb::MethodOptions::NO_SIDE_EFFECTS;
  if ((traits.access() == contract::v1::READ) != says_so) {
    Complain(method, "rpc " + Name(method) + ": access READ and \"option idempotency_level = " +
                         "NO_SIDE_EFFECTS\" belong together");
  }
  if (traits.retry() == contract::v1::RETRY_UNSPECIFIED) {
    Complain(method,
             "rpc " + Name(method) + ": traits need retry ALWAYS, WITH_REQUEST_ID or NEVER");
  }
  if (traits.retry() == contract::v1::WITH_REQUEST_ID &&
      !IsString(method.input_type()->FindFieldByName("request_id"))) {
    Complain(method, "rpc " + Name(method) + ": retry WITH_REQUEST_ID needs a field \"string " +
                         "request_id\" in " + method.input_type()->name());
  }
  if (method.client_streaming() && traits.retry() == contract::v1::ALWAYS) {
    Complain(method, "rpc " + Name(method) + ": retry ALWAYS is impossible for a stream of " +
                         "requests, which a client cannot send again by itself");
  }
  if (!traits.rest().empty()) CheckRoute(method, traits.rest());
  if (!traits.rest().empty() || traits.has_route()) CheckRouteTraits(method, traits);
}

// What the OpenAPI file says of a route.
void Checker::CheckRouteTraits(const pb::MethodDescriptor& method, const MethodTraits& traits) {
  const std::string what = "rpc " + Name(method) + ": ";
  if (traits.rest().empty()) return Complain(method, what + "traits have a route but no rest");
  const contract::v1::RouteTraits& route = traits.route();
  if (!route.body_field().empty() &&
      !IsMessage(method.input_type()->FindFieldByName(route.body_field()))) {
    Complain(method, what + "body_field \"" + route.body_field() + "\" is no message field of " +
                         method.input_type()->name());
  }
  if (route.answers().empty()) {
    Complain(method, what + "the route must say what it answers: traits need route.answers");
  }
  const auto check = [&](const auto& parameters) {
    for (const contract::v1::RouteParameter& parameter : parameters) {
      if (!parameter.name().empty() && !parameter.description().empty()) continue;
      Complain(method, what + "parameter \"" + parameter.name() + "\" needs name and description");
    }
  };
  check(route.query());
  check(route.headers());
  for (const contract::v1::RouteAnswer& answer : route.answers()) {
    check(answer.headers());
    if (answer.status() >= 200 && answer.status() <= 599 && !answer.description().empty()) continue;
    Complain(method, what + "answer " + std::to_string(answer.status()) +
                         " needs a status of 200 to 599 and a description");
  }
}

void Checker::CheckRoute(const pb::MethodDescriptor& method, const std::string& rest) {
  static const std::set<std::string, std::less<>> kVerbs = {"GET",  "HEAD",  "PUT",
                                                            "POST", "PATCH", "DELETE"};
  const std::string what = "rpc " + Name(method) + ": route \"" + rest + "\" ";
  const std::size_t space = rest.find(' ');
  if (space == std::string::npos || !kVerbs.contains(rest.substr(0, space)) ||
      !std::string_view(rest).substr(space + 1).starts_with('/')) {
    Complain(method, what + "must be \"VERB /path/{field}\"");
    return;
  }
  const auto [first, is_new] = method_of_route_.emplace(rest, Name(method));
  if (!is_new) Complain(method, what + "is taken by " + first->second);
  if (method.client_streaming()) {
    Complain(method, what + "cannot carry a stream of requests");
  }
  for (std::size_t open = rest.find('{'); open != std::string::npos; open = rest.find('{', open)) {
    const std::size_t close = rest.find('}', open);
    if (close == std::string::npos) {
      Complain(method, what + "has a { without a }");
      return;
    }
    const std::string field = rest.substr(open + 1, close - open - 1);
    if (!IsString(method.input_type()->FindFieldByName(field))) {
      Complain(method, what + "names {" + field + "}, which is no string field of " +
                           method.input_type()->name());
    }
    open = close;
  }
}

// The gateway finds the namespace on the wire, before it parses anything.
void Checker::CheckRequest(const pb::MethodDescriptor& method) {
  const pb::FieldDescriptor* field = method.input_type()->FindFieldByNumber(1);
  if (IsString(field) && field->name() == "namespace") return;
  Complain(method, "rpc " + Name(method) + ": field 1 of " + method.input_type()->name() +
                       " must be \"string namespace\"");
}

}  // namespace

std::vector<std::string> CheckContract(const std::vector<const pb::FileDescriptor*>& files) {
  Checker checker;
  for (const pb::FileDescriptor* file : files) {
    for (int i = 0; i < file->service_count(); ++i) checker.CheckService(*file->service(i));
    if (!IsPrism(*file)) continue;
    for (int i = 0; i < file->message_type_count(); ++i) {
      checker.CheckMessage(*file->message_type(i));
    }
    for (int i = 0; i < file->enum_type_count(); ++i) checker.CheckEnum(*file->enum_type(i));
  }
  return checker.TakeErrors();
}

}  // namespace prism::codegen
