#include "tests/connect/conformance_service.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/clock.h"
#include "base/strings.h"
#include "connect/conformance.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/query.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::connect_conformance {
namespace {

namespace suite = connectrpc::conformance::v1;
using RequestInfo = suite::ConformancePayload::RequestInfo;
using contract::Access;
using contract::MethodInfo;
using contract::StreamKind;
using rpc::ServerCall;

constexpr std::string_view kUnary = "/connectrpc.conformance.v1.ConformanceService/Unary";
constexpr std::string_view kIdempotent =
    "/connectrpc.conformance.v1.ConformanceService/IdempotentUnary";
constexpr std::string_view kServerStream =
    "/connectrpc.conformance.v1.ConformanceService/ServerStream";
constexpr std::string_view kClientStream =
    "/connectrpc.conformance.v1.ConformanceService/ClientStream";
constexpr std::string_view kBidiStream = "/connectrpc.conformance.v1.ConformanceService/BidiStream";

template <class Request>
constexpr MethodInfo Method(std::string_view path, StreamKind kind, Access access) {
  MethodInfo info{};
  info.path = path;
  info.kind = kind;
  info.access = access;
  info.new_request = [](google::protobuf::Arena* arena) -> google::protobuf::Message* {
    return google::protobuf::Arena::CreateMessage<Request>(arena);
  };
  return info;
}

// Without "Unimplemented", which must not be there.
constexpr std::array kMethods = {
    Method<suite::UnaryRequest>(kUnary, StreamKind::kUnary, Access::kWrite),
    Method<suite::IdempotentUnaryRequest>(kIdempotent, StreamKind::kUnary, Access::kRead),
    Method<suite::ServerStreamRequest>(kServerStream, StreamKind::kServer, Access::kWrite),
    Method<suite::ClientStreamRequest>(kClientStream, StreamKind::kClient, Access::kWrite),
    Method<suite::BidiStreamRequest>(kBidiStream, StreamKind::kBidi, Access::kWrite),
};

// Adds a value to the header of this name, wherever it stands.
void AddValue(google::protobuf::RepeatedPtrField<suite::Header>& headers, std::string_view name,
              std::string_view value) {
  auto header = std::ranges::find(headers, name, &suite::Header::name);
  suite::Header& into = header != headers.end() ? *header : *headers.Add();
  into.set_name(std::string(name));
  into.add_value(std::string(value));
}

// What a call's headers tell of it.
RequestInfo InfoOf(ServerCall& call) {
  RequestInfo info;
  const rpc::HeaderList& headers = call.AllHeaders();
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers[i];
    if (!name.starts_with(':')) AddValue(*info.mutable_request_headers(), name, value);
  }
  const contract::CallContext& context = call.context();
  if (context.deadline != 0) {
    info.set_timeout_ms((context.deadline - context.arrival) / kNanosPerMilli);
  }
  // Only a GET may have a query.
  rpc::QueryReader query(rpc::QueryOf(call.Header(":path")));
  for (auto next = query.Next(); next && *next; next = query.Next()) {
    AddValue(*info.mutable_connect_get_info()->mutable_query_params(), (*next)->name,
             (*next)->value);
  }
  return info;
}

// Of both kinds of definitions.
template <class Definition>
void AddMetadata(ServerCall& call, const Definition& definition) {
  for (const suite::Header& header : definition.response_headers()) {
    for (const std::string& value : header.value())
      call.AddHeader(base::LowerCase(header.name()), value);
  }
  for (const suite::Header& header : definition.response_trailers()) {
    for (const std::string& value : header.value()) {
      call.AddTrailer(base::LowerCase(header.name()), value);
    }
  }
}

void FailAsDefined(ServerCall& call, const suite::Error& error, const RequestInfo* info) {
  google::rpc::Status status;
  status.set_code(error.code());
  status.set_message(error.message());
  *status.mutable_details() = error.details();
  if (info != nullptr) status.add_details()->PackFrom(*info);
  call.FailWith(status);
}

// An error when the client has gone, or its deadline has passed.
runtime::Task<Status> Delay(ServerCall& call, std::uint32_t millis) {
  runtime::CancelSource& cancel = call.context().cancel();
  const MonoNanos until = MonotonicNow() + MonoNanos{millis} * kNanosPerMilli;
  if (millis != 0 && co_await runtime::SleepUntil(*runtime::Shard::Current(), until, &cancel)) {
    co_return std::unexpected(Error(Code::kCancelled, "CALL_CANCELLED", "nobody waits any more"));
  }
  co_return Status{};
}

template <class Response>
runtime::Task<Status> AnswerOnce(ServerCall& call, const suite::UnaryResponseDefinition& definition,
                                 const RequestInfo& info) {
  AddMetadata(call, definition);
  CO_TRY(co_await Delay(call, definition.response_delay_ms()));
  if (definition.has_error()) {
    FailAsDefined(call, definition.error(), &info);
  } else {
    Response response;
    response.mutable_payload()->set_data(definition.response_data());
    *response.mutable_payload()->mutable_request_info() = info;
    call.Respond(response);
  }
  co_return Status{};
}

template <class Request>
Result<Request> ParseRequest(ServerCall& call) {
  Request request;
  if (!request.ParseFromString(std::string(call.request_bytes()))) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "MESSAGE_MALFORMED", "the request is not valid protobuf"));
  }
  return request;
}

template <class Request, class Response>
runtime::Task<Status> ServeUnary(ServerCall& call) {
  CO_TRY_ASSIGN(const Request request, ParseRequest<Request>(call));
  RequestInfo info = InfoOf(call);
  info.add_requests()->PackFrom(request);
  co_return co_await AnswerOnce<Response>(call, request.response_definition(), info);
}

runtime::Task<Status> ServeClientStream(ServerCall& call) {
  suite::UnaryResponseDefinition definition;
  RequestInfo info = InfoOf(call);
  suite::ClientStreamRequest request;
  for (;;) {
    CO_TRY_ASSIGN(const bool more, co_await call.Read(request));
    if (!more) break;
    if (info.requests().empty()) definition = request.response_definition();
    info.add_requests()->PackFrom(request);
  }
  co_return co_await AnswerOnce<suite::ClientStreamResponse>(call, definition, info);
}

// The part of a stream that is left: `next` is the first response that was not sent yet.
template <class Response>
runtime::Task<Status> AnswerRest(ServerCall& call,
                                 const suite::StreamResponseDefinition& definition,
                                 const RequestInfo& info, int next) {
  const bool nothing_sent = next == 0;
  for (; next < definition.response_data_size(); ++next) {
    Response response;
    response.mutable_payload()->set_data(definition.response_data(next));
    if (next == 0) *response.mutable_payload()->mutable_request_info() = info;
    CO_TRY(co_await Delay(call, definition.response_delay_ms()));
    CO_TRY(co_await call.Write(response));
  }
  if (definition.has_error()) {
    FailAsDefined(call, definition.error(), nothing_sent && next == 0 ? &info : nullptr);
  } else {
    call.Finish();
  }
  co_return Status{};
}

runtime::Task<Status> ServeServerStream(ServerCall& call) {
  CO_TRY_ASSIGN(const suite::ServerStreamRequest request,
                ParseRequest<suite::ServerStreamRequest>(call));
  RequestInfo info = InfoOf(call);
  info.add_requests()->PackFrom(request);
  AddMetadata(call, request.response_definition());
  co_return co_await AnswerRest<suite::ServerStreamResponse>(call, request.response_definition(),
                                                             info, 0);
}

// Full duplex answers each request as it comes; half duplex, and what is left, after all have come.
runtime::Task<Status> ServeBidiStream(ServerCall& call) {
  suite::StreamResponseDefinition definition;
  RequestInfo info = InfoOf(call);
  suite::BidiStreamRequest request;
  bool first = true;
  bool full_duplex = false;
  int sent = 0;
  for (;;) {
    CO_TRY_ASSIGN(const bool more, co_await call.Read(request));
    if (!more) break;
    info.add_requests()->PackFrom(request);
    if (std::exchange(first, false)) {
      definition = request.response_definition();
      full_duplex = request.full_duplex();
      AddMetadata(call, definition);
    }
    if (!full_duplex) continue;
    if (sent >= definition.response_data_size()) break;
    suite::BidiStreamResponse response;
    response.mutable_payload()->set_data(definition.response_data(sent));
    *response.mutable_payload()->mutable_request_info() = info;
    CO_TRY(co_await Delay(call, definition.response_delay_ms()));
    CO_TRY(co_await call.Write(response));
    ++sent;
    info.Clear();
  }
  co_return co_await AnswerRest<suite::BidiStreamResponse>(call, definition, info, sent);
}

runtime::Task<Status> ServeMethod(ServerCall& call) {
  const std::string_view path = call.method().path;
  if (path == kUnary) {
    co_return co_await ServeUnary<suite::UnaryRequest, suite::UnaryResponse>(call);
  }
  if (path == kIdempotent) {
    co_return co_await ServeUnary<suite::IdempotentUnaryRequest, suite::IdempotentUnaryResponse>(
        call);
  }
  if (path == kServerStream) co_return co_await ServeServerStream(call);
  if (path == kClientStream) co_return co_await ServeClientStream(call);
  co_return co_await ServeBidiStream(call);
}

}  // namespace

const MethodInfo* ConformanceService::Find(std::string_view path) {
  const auto* found = std::ranges::find(kMethods, path, &MethodInfo::path);
  return found == kMethods.end() ? nullptr : found;
}

google::rpc::Status ConformanceService::StatusOf(const Error& error) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code()));
  status.set_message(error.message());
  return status;
}

runtime::Task<void> ConformanceService::Serve(ServerCall& call) {
  const Status served = co_await ServeMethod(call);
  if (!served) call.Fail(served.error());
}

}  // namespace prism::connect_conformance
