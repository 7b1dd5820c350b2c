// The one error vocabulary of the project: canonical gRPC codes, a stable reason per cause, a
// message for people, metadata for programs. Absence is never an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prism {

// google.rpc.Code, same numbers.
enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "OK", "INVALID_ARGUMENT", ... as google.rpc.Code spells them.
std::string_view CodeName(Code code);

// One failure. Cheap to copy (one shared pointer), never empty unless moved from.
// Thread rule: immutable once built; the builder methods work on rvalues only.
class [[nodiscard]] Error {
 public:
  struct FieldViolation {
    std::string field;        // path inside the request message, e.g. "key"
    std::string description;  // what is wrong with it and what would be right
  };

  // `reason` is UPPER_SNAKE and stable; `message` says what happened and what to do about it.
  Error(Code code, std::string_view reason, std::string message);

  Code code() const { return rep_->code; }
  std::string_view reason() const { return rep_->reason; }
  const std::string& message() const { return rep_->message; }
  const std::vector<std::pair<std::string, std::string>>& metadata() const {
    return rep_->metadata;
  }
  const std::vector<FieldViolation>& fields() const { return rep_->fields; }
  std::optional<std::chrono::milliseconds> retry_after() const { return rep_->retry_after; }

  // Adds a machine-readable pair (google.rpc.ErrorInfo.metadata).
  Error&& With(std::string key, std::string value) &&;
  // Adds a google.rpc.BadRequest.FieldViolation.
  Error&& WithField(std::string field, std::string description) &&;
  // Says when a retry can help (google.rpc.RetryInfo).
  Error&& WithRetryAfter(std::chrono::milliseconds delay) &&;

  // "NOT_FOUND/NAMESPACE_NOT_FOUND: ..." for logs and tests.
  std::string ToString() const;

 private:
  struct Rep {
    Code code;
    std::string reason;
    std::string message;
    std::vector<std::pair<std::string, std::string>> metadata;
    std::vector<FieldViolation> fields;
    std::optional<std::chrono::milliseconds> retry_after;
  };
  Rep& Mutable();

  std::shared_ptr<Rep> rep_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// INVALID_ARGUMENT about one request field.
Error InvalidField(std::string_view reason, std::string field, std::string description);

}  // namespace prism

#define PRISM_CONCAT_INNER_(a, b) a##b
#define PRISM_CONCAT_(a, b) PRISM_CONCAT_INNER_(a, b)

// TRY(expr): leaves the function with the error of a Status or Result. CO_TRY is its coroutine
// form.
#define TRY(expr)                                                       \
  if (auto prism_try_result = (expr); !prism_try_result) [[unlikely]] { \
    return std::unexpected(std::move(prism_try_result).error());        \
  }
#define CO_TRY(expr)                                                    \
  if (auto prism_try_result = (expr); !prism_try_result) [[unlikely]] { \
    co_return std::unexpected(std::move(prism_try_result).error());     \
  }

// TRY_ASSIGN(auto x, expr): declares x from a Result, or leaves with its error.
#define TRY_ASSIGN(lhs, expr) \
  PRISM_TRY_ASSIGN_(PRISM_CONCAT_(prism_result_, __LINE__), lhs, expr, return)
#define CO_TRY_ASSIGN(lhs, expr) \
  PRISM_TRY_ASSIGN_(PRISM_CONCAT_(prism_result_, __LINE__), lhs, expr, co_return)
#define PRISM_TRY_ASSIGN_(tmp, lhs, expr, ret)   \
  auto tmp = (expr);                             \
  if (!tmp) [[unlikely]] {                       \
    ret std::unexpected(std::move(tmp).error()); \
  }                                              \
  lhs = *std::move(tmp)
