#include "gateway/admin/admin_call.h"

#include <google/protobuf/duration.pb.h>

#include <charconv>

#include "base/check.h"
#include "namespaces/text_bounds.h"

namespace prism::gateway {

namespace {

constexpr std::int64_t kMaxWaitSeconds = 600;

models::TokenScope ScopeOf(std::string_view method, std::string_view query) {
  return {.ns = "", .method = method, .query = query};
}

}  // namespace

const security::CallerRights& RightsOf(const contract::CallContext& ctx) {
  PRISM_CHECK(ctx.rights != nullptr, "serve the admin API by AdminDispatcher");
  return *ctx.rights;
}

Status CheckReason(std::string_view reason) {
  const auto wrong = namespaces::WrongText(reason, namespaces::kMaxTextBytes);
  if (!wrong) return {};
  const bool long_one = reason.size() > namespaces::kMaxTextBytes;
  return std::unexpected(
      InvalidField(long_one ? "REASON_TOO_LONG" : "BAD_VALUE", "reason", *wrong));
}

ConfigControl::Options ChangeOptions(const contract::CallContext& ctx, std::string_view reason,
                                     bool dry_run) {
  ConfigControl::Options options;
  options.author = {.who = std::string(RightsOf(ctx).caller().principal),
                    .reason = std::string(reason)};
  options.dry_run = dry_run;
  return options;
}

Result<MonoNanos> WaitEnd(bool has_wait, const google::protobuf::Duration& wait,
                          std::int64_t default_seconds) {
  const MonoNanos now = MonotonicNow();
  if (!has_wait) return now + default_seconds * kNanosPerSecond;
  const bool longer =
      wait.seconds() > kMaxWaitSeconds || (wait.seconds() == kMaxWaitSeconds && wait.nanos() > 0);
  if (longer || wait.seconds() < 0 || wait.nanos() < 0) {
    return std::unexpected(InvalidField("BAD_WAIT", "wait", "must be from 0 to 10 minutes"));
  }
  return now + wait.seconds() * kNanosPerSecond + wait.nanos();
}

Result<std::string> PageTokens::Read(std::string_view method, std::string_view query,
                                     std::string_view token) const {
  if (token.empty()) return std::string();
  return models::ReadPageToken(key_, ScopeOf(method, query), token);
}

Result<std::int64_t> PageTokens::ReadNumber(std::string_view method, std::string_view query,
                                            std::string_view token) const {
  TRY_ASSIGN(const std::string text, Read(method, query, token));
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string PageTokens::Make(std::string_view method, std::string_view query,
                             std::string_view position) const {
  return models::MakePageToken(key_, ScopeOf(method, query), position);
}

}  // namespace prism::gateway
