#include "base/status.h"

#include <array>

namespace prism {

std::string_view CodeName(Code code) {
  static constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                              "CANCELLED",
                                                              "UNKNOWN",
                                                              "INVALID_ARGUMENT",
                                                              "DEADLINE_EXCEEDED",
                                                              "NOT_FOUND",
                                                              "ALREADY_EXISTS",
                                                              "PERMISSION_DENIED",
                                                              "RESOURCE_EXHAUSTED",
                                                              "FAILED_PRECONDITION",
                                                              "ABORTED",
                                                              "OUT_OF_RANGE",
                                                              "UNIMPLEMENTED",
                                                              "INTERNAL",
                                                              "UNAVAILABLE",
                                                              "DATA_LOSS",
                                                              "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

Error::Error(Code code, std::string_view reason, std::string message)
    : rep_(std::make_shared<Rep>(Rep{.code = code,
                                     .reason = std::string(reason),
                                     .message = std::move(message),
                                     .metadata = {},
                                     .fields = {},
                                     .retry_after = std::nullopt})) {}

// A shared Rep is copied before it is changed: whoever holds the other reference keeps what it saw.
Error::Rep& Error::Mutable() {
  if (rep_.use_count() > 1) rep_ = std::make_shared<Rep>(*rep_);
  return *rep_;
}

Error&& Error::With(std::string key, std::string value) && {
  Mutable().metadata.emplace_back(std::move(key), std::move(value));
  return std::move(*this);
}

Error&& Error::WithField(std::string field, std::string description) && {
  Mutable().fields.push_back({std::move(field), std::move(description)});
  return std::move(*this);
}

Error&& Error::WithRetryAfter(std::chrono::milliseconds delay) && {
  Mutable().retry_after = delay;
  return std::move(*this);
}

std::string Error::ToString() const {
  std::string text(CodeName(code()));
  text.append("/").append(reason()).append(": ").append(message());
  return text;
}

Error InvalidField(std::string_view reason, std::string field, std::string description) {
  std::string message = field + ": " + description;
  return Error(Code::kInvalidArgument, reason, std::move(message))
      .WithField(std::move(field), std::move(description));
}

}  // namespace prism
