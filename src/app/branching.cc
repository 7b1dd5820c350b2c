#include "app/branching.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/branch_store.h"
#include "app/unprivileged.h"
#include "branching/pgwire/refusal.h"

namespace prism::app {

namespace {

// Between tries to make the first state of the source.
constexpr std::chrono::seconds kRetry{5};

branching::BranchLimits LimitsOf(const BranchingSettings& settings) {
  return {.max_branches = settings.max_branches,
          .of_owner = {.branches = settings.max_branches_per_owner,
                       .disk_bytes = settings.max_disk_per_owner,
                       .memory_bytes = settings.max_memory_per_owner,
                       .bytes_of_server = settings.memory_limit,
                       .connections = settings.max_connections_per_owner},
          .warm_pool = settings.warm_pool,
          .refresh_interval = settings.refresh_interval.count() * kNanosPerMilli,
          .keep_generations = settings.keep_generations,
          .allow_source = settings.allow_source,
          .idle_timeout = settings.idle_timeout.count() * kNanosPerMilli,
          .undo_period = settings.undo_period.count() * kNanosPerMilli};
}

branching::ProxyLimits ProxyLimitsOf(const BranchingSettings& settings) {
  branching::ProxyLimits limits;
  limits.max_connections = settings.max_connections;
  limits.hold_timeout = settings.hold_timeout.count() * kNanosPerMilli;
  return limits;
}

branching::ProxyNaming NamingOf(const BranchingSettings& settings) {
  branching::ProxyNaming naming{.domain = settings.domain, .default_branch = {}};
  std::string name = settings.default_branch;
  if (name.empty() && settings.allow_source) name = branching::kSourceName;
  if (name.empty()) return naming;
  // CheckBranching has seen it.
  if (auto branch = branching::BranchName::From(name)) {
    naming.default_branch = *std::move(branch);
  }
  return naming;
}

branching::InstanceSettings InstancesOf(const BranchingSettings& settings) {
  branching::InstanceSettings instances;
  if (settings.durable) instances.profile = branching::InstanceProfile::kDurable;
  return instances;
}

// How to try it out.
std::string Example(const std::string& address, const std::string& superuser) {
  if (address.starts_with("unix:")) return fmt::format("user={}@my-branch", superuser);
  const std::size_t colon = address.rfind(':');
  return fmt::format("psql \"host={} port={} user={}@my-branch dbname=postgres\"",
                     address.substr(0, colon), address.substr(colon + 1), superuser);
}

}  // namespace

bool MatchesAny(const std::vector<std::string>& patterns, std::string_view name) {
  const auto matches = [name](std::string_view pattern) {
    std::size_t at = 0;
    std::size_t in = 0;
    std::size_t star = pattern.npos;  // the last one that was met, and what it stands for so far
    std::size_t taken = 0;
    while (at < name.size()) {
      if (in < pattern.size() && pattern[in] == '*') {
        star = in++;
        taken = at;
      } else if (in < pattern.size() && pattern[in] == name[at]) {
        ++in;
        ++at;
      } else if (star != pattern.npos) {
        in = star + 1;
        at = ++taken;
      } else {
        return false;
      }
    }
    return pattern.find_first_not_of('*', in) == pattern.npos;
  };
  return std::ranges::any_of(patterns, matches);
}

bool MayCreate(const std::vector<namespaces::AutoCreateRule>& rules,
               const branching::EntryRequest& request) {
  return std::ranges::any_of(rules, [&request](const namespaces::AutoCreateRule& rule) {
    if (!rule.users.empty() && !MatchesAny(rule.users, request.user)) return false;
    return MatchesAny(rule.names, request.branch.name()) ||
           MatchesAny(rule.names, request.branch.label());
  });
}

Branching::Branching(const Parts& parts) : parts_(parts), preparing_(1, 1) {}

Branching::~Branching() { Stop(); }

Result<std::unique_ptr<Branching>> Branching::Open(Parts parts, rpc::ListenSocket socket) {
  TRY_ASSIGN(parts.directory, MakeBranchDirectory(parts.directory));
  std::unique_ptr<Branching> branching(new Branching(parts));
  TRY(branching->OpenParts());
  const std::string address = socket.address();
  TRY(branching->Listen(std::move(socket)));
  TRY(branching->preparing_.Submit([self = branching.get(), address] { self->Prepare(address); }));
  return branching;
}

Status Branching::OpenParts() {
  TRY_ASSIGN(workshop_, BranchWorkshop::Open({.settings = parts_.settings,
                                              .directory = parts_.directory,
                                              .shard = parts_.shards.at(0),
                                              .clock = parts_.clock,
                                              .log = parts_.log,
                                              .unprivileged = parts_.unprivileged}));
  TRY_ASSIGN(source_, MakeBranchSource(parts_.settings.source, SourceParts()));
  MakeManager();
  return {};
}

BranchSourceParts Branching::SourceParts() {
  return {.home = parts_.shards.at(0),
          .workshop = **workshop_,
          .programs = workshop_->programs(),
          .user = workshop_->user(),
          .directory = parts_.directory,
          .docker = parts_.settings.docker};
}

void Branching::MakeManager() {
  const BranchingSettings& settings = parts_.settings;
  manager_ = std::make_unique<branching::BranchManager>(
      parts_.shards.at(0), **workshop_, InstancesOf(settings), LimitsOf(settings),
      [&settings](const branching::EntryRequest& request) {
        return MayCreate(settings.auto_create, request);
      });
  proxy_ = std::make_unique<branching::Proxy>(parts_.shards, *manager_, parts_.clock, parts_.log,
                                              NamingOf(settings), ProxyLimitsOf(settings));
}

Status Branching::Listen(rpc::ListenSocket socket) {
  branching::HelloRules rules;
  if (parts_.tls != nullptr) rules.tls = branching::MakeProxyTls(parts_.tls);
  rules.tls_required = parts_.settings.tls_required;
  if (!parts_.settings.trusted_proxies.empty()) {
    TRY_ASSIGN(auto proxies, branching::Networks::Parse(parts_.settings.trusted_proxies));
    rules.balancers = std::make_shared<const branching::Networks>(std::move(proxies));
  }
  proxy_->CloseGate();
  TRY(proxy_->Listen(std::move(socket), rules));
  return {};
}

// What is in the way may go by itself: a source that runs, a full disk. Clients are turned away
// until it has gone.
void Branching::Prepare(const std::string& address) {
  for (Status started = StartManager(); !started; started = StartManager()) {
    if (draining_.load()) return;
    NoteFailure(std::move(started).error());
    if (stopping_.try_acquire_for(kRetry)) return;
  }
  state_ = State::kReady;
  proxy_->OpenGate();
  parts_.log.Info("branches are ready", {{"postgres", address},
                                         {"source", source_->name()},
                                         {"try", Example(address, parts_.settings.superuser)}});
}

// Strangers are told nothing that the message may quote.
void Branching::NoteFailure(Error error) {
  const std::shared_ptr<const Error> before = failure_.load();
  if (before == nullptr || before->ToString() != error.ToString()) {
    parts_.log.Failure("no branches can be made", error);
  }
  proxy_->TurnAway(Refuse(branching::Refusal::kNotServing, error.reason()));
  failure_.store(std::make_shared<const Error>(std::move(error)));
  state_ = State::kFailed;
}

Status Branching::StartManager() {
  return manager_->Start(*source_, [this](const branching::AddedSource& added) {
    return MakeAddedSource(added, SourceParts());
  });
}

std::string Branching::problem() const {
  switch (state_.load()) {
    case State::kPreparing:
      return "preparing the first state of the source";
    case State::kFailed:
      return failure_.load()->ToString();
    case State::kReady:
      break;
  }
  if (parts_.unprivileged == nullptr || parts_.unprivileged->helper->running()) return "";
  return "the privileged helper has ended, no server can be started: restart Prism";
}

Result<branching::BranchManager*> Branching::manager() {
  if (state_.load() == State::kReady) return manager_.get();
  return std::unexpected(Error(Code::kUnavailable, "BRANCHES_NOT_READY",
                               "branches can't be administered yet: " + problem()));
}

std::vector<branching::BranchStatus> Branching::List() {
  if (state_.load() != State::kReady) return {};
  return manager_->List();
}

std::vector<branching::SourceStatus> Branching::ListSources() {
  if (state_.load() != State::kReady) return {};
  return manager_->ListSources();
}

std::size_t Branching::spares() const {
  return state_.load() == State::kReady ? manager_->spares() : 0;
}

std::uint64_t Branching::refusals(branching::Quota quota) const {
  return state_.load() == State::kReady ? manager_->refusals(quota) : 0;
}

bool Branching::Drain(MonoNanos deadline) {
  draining_.store(true);
  return proxy_->Drain(deadline);
}

void Branching::Stop() {
  if (std::exchange(stopped_, true)) return;
  if (manager_ != nullptr) manager_->Abandon();
  stopping_.release();
  preparing_.Stop();
  state_.store(State::kPreparing);  // nobody gets in any more
  // Gone, not only stopped: their ends need the shards, which may stop before this is destroyed.
  proxy_.reset();
  manager_.reset();
  if (workshop_ != nullptr) workshop_->Stop();
}

}  // namespace prism::app
