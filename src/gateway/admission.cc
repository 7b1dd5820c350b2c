#include "gateway/admission.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/arena.h>

#include <algorithm>

#include "base/strings.h"
#include "gateway/identify.h"
#include "gateway/session.h"

namespace prism::gateway {

namespace {

using std::chrono::milliseconds;

// At most so many names are compared for a suggestion: it is made on a shard.
constexpr std::size_t kMaxCompared = 1000;

Error NamespaceRequired() {
  return InvalidField("NAMESPACE_REQUIRED", "namespace",
                      "is empty: name a configured namespace, such as default or scratch");
}

Error NotFound(const ShardState& shard, std::string_view name, const security::Caller& caller) {
  const security::Authorizer& authorizer = shard.guard().authorizer();
  std::vector<std::string> near;
  for (const auto& entry : shard.table()->entries()) {
    const std::string& candidate = entry->config.name;
    if (near.size() == kMaxCompared) break;
    if (candidate.size() > name.size() + 3 || name.size() > candidate.size() + 3) continue;
    if (authorizer.Check(caller, candidate, security::Permission::kRead)) near.push_back(candidate);
  }
  const auto nearest = base::NearestMatch(name, near);
  // The name is the client's: what is not a name is not repeated.
  const std::string shown = base::IsValidName(name) ? fmt::format("\"{}\"", name) : "of this name";
  Error error(Code::kNotFound, "NAMESPACE_NOT_FOUND",
              nearest
                  ? fmt::format("there is no namespace {}: did you mean \"{}\"?", shown, *nearest)
                  : fmt::format("there is no namespace {}: add it to the configuration, or name "
                                "one that is there",
                                shown));
  if (nearest) error = std::move(error).With("nearest", *nearest);
  return error;
}

Error NotBound(const RoutingTable& table, const NamespaceEntry& entry,
               const contract::InterfaceInfo& interface) {
  const std::vector<std::string> others = table.BackendsWith(interface);
  const bool by_pattern = std::ranges::find(others, entry.config.backend) != others.end();
  std::string advice;
  if (by_pattern) {
    advice = fmt::format(
        "its pattern \"{}\" leaves it out: remove the pattern to offer everything "
        "that the backend has",
        entry.config.pattern);
  } else if (others.empty()) {
    advice = "no configured backend has it";
  } else {
    advice = fmt::format("configured backends that have it: {}", fmt::join(others, ", "));
  }
  return Error(Code::kUnimplemented, "INTERFACE_NOT_BOUND",
               fmt::format("the namespace \"{}\" on the backend \"{}\" ({}) does not offer {}: {}",
                           entry.config.name, entry.config.backend, entry.backend_config.type,
                           interface.id, advice))
      .With("namespace", entry.config.name)
      .With("backend", entry.config.backend)
      .With("interface", std::string(interface.id))
      .With("backends_with_it", fmt::format("{}", fmt::join(others, ",")));
}

Error RateLimited(const NamespaceEntry& entry, MonoNanos now) {
  return Error(Code::kResourceExhausted, "RATE_LIMITED",
               fmt::format("the namespace \"{}\" allows {} calls per second: slow down, or raise "
                           "rate_limit_rps",
                           entry.config.name, entry.config.rate_limit_rps))
      .With("namespace", entry.config.name)
      .WithRetryAfter(entry.bucket.UntilOne(now));
}

Error TooManyInFlight(const NamespaceEntry& entry) {
  return Error(Code::kUnavailable, "OVERLOADED",
               fmt::format("the namespace \"{}\" has its max_in_flight of {} calls under way: try "
                           "again a little later",
                           entry.config.name, entry.config.max_in_flight))
      .With("namespace", entry.config.name)
      .WithRetryAfter(milliseconds(50));
}

Status CheckDurability(const NamespaceEntry& entry, rpc::ServerCall& call) {
  const std::string_view demanded = call.Header("prism-min-durability");
  if (demanded.empty()) [[likely]] {
    return {};
  }
  const auto level = contract::ParseDurability(demanded);
  if (!level) {
    return std::unexpected(InvalidField("BAD_DURABILITY", "prism-min-durability",
                                        "must be one of memory, accepted, fsynced, replicated"));
  }
  call.context().min_durability = level;
  if (*level <= entry.durability) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "DURABILITY_UNAVAILABLE",
            fmt::format("the namespace \"{}\" makes writes {}, not {}: nothing was executed; use a "
                        "namespace on another backend, or demand less",
                        entry.config.name, contract::DurabilityName(entry.durability), demanded))
          .With("namespace", entry.config.name)
          .With("durability", std::string(contract::DurabilityName(entry.durability))));
}

// On the call's arena.
std::string_view Copy(std::string_view text, contract::CallContext& ctx) {
  char* copy = google::protobuf::Arena::CreateArray<char>(&ctx.arena(), text.size());
  text.copy(copy, text.size());
  return {copy, text.size()};
}

Error DeadlinePassed() {
  return Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
               "the deadline had passed before the call was executed: nothing was done, allow "
               "more time");
}

}  // namespace

Error Overloaded() {
  return Error(Code::kUnavailable, "OVERLOADED",
               "the server is overloaded and did not execute the call: try again a little later")
      .WithRetryAfter(milliseconds(100));
}

Error WhyCancelled(runtime::CancelReason reason, Error otherwise) {
  switch (reason) {
    case runtime::CancelReason::kDeadline:
      return Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                   "the deadline passed while the call was executed: whether it took effect is "
                   "unknown");
    case runtime::CancelReason::kReconfigured:
      return Error(Code::kUnavailable, "CONFIGURATION_CHANGED",
                   "the configuration of the namespace changed: start the stream again")
          .WithRetryAfter(milliseconds(0));
    case runtime::CancelReason::kShutdown:
      return Error(Code::kUnavailable, "SHUTTING_DOWN",
                   "the server is stopping: try again on another instance");
    case runtime::CancelReason::kClientGone:
    case runtime::CancelReason::kNone:
      break;
  }
  return otherwise;
}

Result<Admitted> Admit(ShardState& shard, const Route& route, std::string_view ns,
                       rpc::ServerCall& call) {
  contract::CallContext& ctx = call.context();
  const contract::MethodInfo& method = *route.method;
  if (ns.empty()) [[unlikely]] {
    return std::unexpected(NamespaceRequired());
  }
  TRY_ASSIGN(const security::Caller caller, Identify(shard.guard(), call));
  TRY(shard.guard().authorizer().Check(caller, ns, security::Needed(method.access)));
  BoundNamespace* bound = shard.Resolve(ns);
  if (bound == nullptr) [[unlikely]] {
    return std::unexpected(NotFound(shard, ns, caller));
  }
  const NamespaceEntry& entry = bound->entry();
  ctx.ns = entry.config.name;
  if (entry.refused) [[unlikely]] {
    return std::unexpected(*entry.refused);
  }
  void* service = route.namespace_service;
  if (service == nullptr) [[likely]] {
    service = entry.services[route.interface];
  } else {
    ctx.ns = Copy(ctx.ns, ctx);  // it may outlive the entry
  }
  if (service == nullptr) [[unlikely]] {
    return std::unexpected(NotBound(*shard.table(), entry, *method.interface));
  }
  const MonoNanos now = shard.now();
  if (entry.bucket.limited() && !bound->TakeToken(now)) [[unlikely]] {
    shard.CountRejection(Rejection::kRate);
    return std::unexpected(RateLimited(entry, now));
  }
  if (bound->full()) [[unlikely]] {
    shard.CountRejection(Rejection::kInFlight);
    return std::unexpected(TooManyInFlight(entry));
  }
  if (ctx.deadline != 0) {
    if (ctx.deadline <= now) return std::unexpected(DeadlinePassed());
  } else if (method.kind == contract::StreamKind::kUnary && route.namespace_service == nullptr) {
    // Our own services bound their waits themselves.
    call.SetDeadline(now + entry.config.default_timeout.count() * kNanosPerMilli);
  }
  if (method.access == contract::Access::kWrite) TRY(CheckDurability(entry, call));
  if (entry.config.consistency == contract::Consistency::kCausal) [[unlikely]] {
    if (const auto session = call.Header(kSessionHeader); !session.empty()) {
      TRY(CheckSession(session));
    }
  }
  return Admitted{bound, service};
}

}  // namespace prism::gateway
