#include "contract/status_proto.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace prism::contract {

namespace {

namespace pb = google::protobuf;
using std::chrono::milliseconds;

constexpr std::size_t kMaxReasonBytes = 128;

// Strings that reach protobuf must be UTF-8, or clients could not parse the error. What is not was
// taken from a request or a foreign system, and is shown with '?' in place of what is not ASCII.
std::string Printable(std::string_view text, std::size_t limit = kMaxStatusBytes) {
  if (base::IsValidUtf8(text)) return std::string(base::TruncateUtf8(text, limit));
  std::string ascii(text.substr(0, limit));
  std::ranges::replace_if(ascii, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return ascii;
}

// Sorted map fields: equal errors have equal bytes.
std::string Serialize(const pb::MessageLite& message) {
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

void AddDetail(google::rpc::Status& status, const pb::Message& detail) {
  pb::Any& any = *status.add_details();
  any.set_type_url("type.googleapis.com/" + detail.GetDescriptor()->full_name());
  any.set_value(Serialize(detail));
}

// How much of an error is told.
struct Extent {
  bool metadata;
  std::size_t fields;
  std::size_t message_bytes;
};

google::rpc::Status Tell(const Error& error, const Extent& extent) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code()));
  status.set_message(Printable(error.message(), extent.message_bytes));

  google::rpc::ErrorInfo info;
  info.set_reason(Printable(error.reason(), kMaxReasonBytes));
  info.set_domain(std::string(kErrorDomain));
  if (extent.metadata) {
    for (const auto& [key, value] : error.metadata()) {
      (*info.mutable_metadata())[Printable(key)] = Printable(value);
    }
  }
  AddDetail(status, info);

  if (extent.fields > 0) {
    google::rpc::BadRequest bad_request;
    for (std::size_t i = 0; i < extent.fields; ++i) {
      auto& violation = *bad_request.add_field_violations();
      violation.set_field(Printable(error.fields()[i].field));
      violation.set_description(Printable(error.fields()[i].description));
    }
    AddDetail(status, bad_request);
  }
  if (error.retry_after()) {
    const milliseconds delay = std::max(*error.retry_after(), milliseconds(0));
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(delay.count() / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(delay.count() % 1000) * 1'000'000);
    AddDetail(status, retry);
  }
  return status;
}

// The detail of type T, when there is one and it can be read.
template <class T>
std::optional<T> FindDetail(const google::rpc::Status& status) {
  for (const pb::Any& any : status.details()) {
    T detail;
    if (any.Is<T>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

// Beyond a year the exact value helps nobody, and milliseconds could not overflow.
milliseconds DelayOf(const pb::Duration& delay) {
  constexpr std::int64_t kMaxSeconds = 366LL * 24 * 3600;
  const std::int64_t seconds = std::clamp<std::int64_t>(delay.seconds(), 0, kMaxSeconds);
  return milliseconds(seconds * 1000 + std::clamp(delay.nanos(), 0, 999'999'999) / 1'000'000);
}

}  // namespace

google::rpc::Status StatusProto(const Error& error) {
  Extent extent{.metadata = true,
                .fields = std::min<std::size_t>(error.fields().size(), 100),
                .message_bytes = kMaxStatusBytes};
  google::rpc::Status status = Tell(error, extent);
  while (status.ByteSizeLong() > kMaxStatusBytes) {
    if (extent.fields > 0) {
      extent.fields /= 2;
    } else if (extent.metadata) {
      extent.metadata = false;
    } else {
      extent.message_bytes /= 2;
    }
    status = Tell(error, extent);
  }
  return status;
}

std::string EncodeStatus(const Error& error) { return Serialize(StatusProto(error)); }

Error DecodeStatus(Code code, std::string_view message, std::string_view details) {
  google::rpc::Status status;
  if (details.empty() || !status.ParseFromArray(details.data(), static_cast<int>(details.size())) ||
      CodeFromNumber(status.code()) == Code::kOk) {
    return Error(code, CodeName(code), std::string(message));
  }
  code = CodeFromNumber(status.code());
  std::string reason(CodeName(code));
  const auto info = FindDetail<google::rpc::ErrorInfo>(status);
  const bool ours = info && info->domain() == kErrorDomain && !info->reason().empty();
  if (ours) reason = info->reason();

  Error error(code, reason, status.message());
  if (ours) {
    for (const auto& [key, value] : info->metadata()) error = std::move(error).With(key, value);
  }
  if (const auto bad_request = FindDetail<google::rpc::BadRequest>(status)) {
    for (const auto& violation : bad_request->field_violations()) {
      error = std::move(error).WithField(violation.field(), violation.description());
    }
  }
  if (const auto retry = FindDetail<google::rpc::RetryInfo>(status)) {
    error = std::move(error).WithRetryAfter(DelayOf(retry->retry_delay()));
  }
  return error;
}

Code CodeFromNumber(int number) {
  const bool canonical = number >= 0 && number <= static_cast<int>(Code::kUnauthenticated);
  return canonical ? static_cast<Code>(number) : Code::kUnknown;
}

}  // namespace prism::contract
