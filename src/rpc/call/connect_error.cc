#include "rpc/call/connect_error.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/strings.h"
#include "contract/status_proto.h"
#include "google/rpc/status.pb.h"
#include "rpc/json/json_codec.h"

namespace prism::rpc {
namespace {

using Json = nlohmann::ordered_json;

std::string ConnectCode(Code code) {
  std::string name = base::LowerCase(CodeName(code));
  return name == "cancelled" ? "canceled" : name;
}

// The detail as JSON; its "@type" is said beside it already.
Json Debug(const google::protobuf::Any& detail) {
  std::string text;
  if (!WriteJson(detail, text)) return Json::object();
  Json debug = Json::parse(text, nullptr, false);
  debug.erase("@type");
  return debug;
}

Json ErrorObject(const google::rpc::Status& status) {
  Json object = {{"code", ConnectCode(contract::CodeFromNumber(status.code()))},
                 {"message", status.message()}};
  for (const google::protobuf::Any& detail : status.details()) {
    const std::string& url = detail.type_url();
    object["details"].push_back({{"type", url.substr(url.rfind('/') + 1)},
                                 {"value", base::Base64EncodeUnpadded(detail.value())},
                                 {"debug", Debug(detail)}});
  }
  return object;
}

// Header values may be no UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string ConnectErrorJson(const google::rpc::Status& status) {
  return Dump(ErrorObject(status));
}

std::string ConnectEndJson(const google::rpc::Status* status, const HeaderList& trailers) {
  Json end = Json::object();
  if (status != nullptr) end["error"] = ErrorObject(*status);
  for (std::size_t i = 0; i < trailers.size(); ++i) {
    end["metadata"][std::string(trailers[i].name)].push_back(trailers[i].value);
  }
  return Dump(end);
}

std::string_view HttpStatusOf(Code code) {
  switch (code) {
    case Code::kOk:
      return "200";
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return "400";
    case Code::kUnauthenticated:
      return "401";
    case Code::kPermissionDenied:
      return "403";
    case Code::kNotFound:
      return "404";
    case Code::kAlreadyExists:
    case Code::kAborted:
      return "409";
    case Code::kResourceExhausted:
      return "429";
    case Code::kCancelled:
      return "499";
    case Code::kUnimplemented:
      return "501";
    case Code::kUnavailable:
      return "503";
    case Code::kDeadlineExceeded:
      return "504";
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      break;
  }
  return "500";
}

}  // namespace prism::rpc
