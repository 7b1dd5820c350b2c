#include "app/core.h"

#include <unistd.h>

#include <algorithm>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "app/backend_settings.h"
#include "contract/all_interfaces.h"
#include "engine/models.h"
#include "gateway/unbindable.h"
#include "security/guard.h"

namespace prism::app {

namespace {

// Health checks, and what else must not block a shard; nothing of the request path.
constexpr int kPoolThreads = 2;
constexpr std::size_t kPoolQueue = 1024;
// Lines about namespaces that can't be served; the rest is counted.
constexpr int kMaxReported = 20;

engine::LocalEngineOptions EngineOptions(const ServerSettings& settings) {
  engine::LocalEngineOptions options;
  options.max_response_bytes = settings.limits.max_message_bytes;
  return options;
}

// Of the data port.
std::vector<std::string> ServiceNames() {
  std::vector<std::string> names;
  for (const contract::InterfaceInfo* interface : contract::AllInterfaces()) {
    if (interface->service.starts_with("prism.admin.")) continue;
    names.emplace_back(interface->service);
  }
  return names;
}

// Everything that a provider has, as services of the server itself.
template <class... Providers>
std::vector<gateway::MethodTable::SystemService> SystemServices(gateway::Capabilities& capabilities,
                                                                Providers&... providers) {
  std::vector<gateway::MethodTable::SystemService> services;
  const auto add = [&services](contract::InterfaceProvider& provider, bool of_namespace) {
    for (const contract::InterfaceInfo* interface : provider.Interfaces()) {
      services.push_back({interface, provider.Find(*interface), false, of_namespace});
    }
  };
  add(capabilities, true);
  (add(providers, false), ...);
  return services;
}

// The data is in the hands of another process, which may let go of it.
bool IsElsewhere(const Error& error) {
  const std::pair<std::string, std::string> ours{"pid", std::to_string(::getpid())};
  return error.reason() == "DATA_DIRECTORY_LOCKED" &&
         std::ranges::find(error.metadata(), ours) == error.metadata().end();
}

// What is missing of the backends.
bool AreElsewhere(const gateway::RoutingTable& table) {
  return std::ranges::all_of(table.backends(), [](const gateway::BackendState& state) {
    return !state.error || state.error->reason() == "DRIVER_NOT_INSTALLED" ||
           IsElsewhere(*state.error);
  });
}

gateway::ShardState::Options ShardOptions(const ServerSettings& settings) {
  gateway::ShardState::Options options;
  options.queue_delay.target = settings.queue_delay_target.count() * kNanosPerMilli;
  options.queue_delay.interval = 5 * options.queue_delay.target;
  options.rebind_grace = settings.rebind_grace.count() * kNanosPerMilli;
  options.slow_threshold = settings.slow_request_threshold.count() * kNanosPerMilli;
  return options;
}

}  // namespace

Core::Core(const ServerSettings& settings, telemetry::Logger& log)
    : settings_(settings),
      log_(log),
      config_(settings, clock_, log),
      budget_(settings.memory_max_bytes),
      engine_(EngineOptions(settings), clock_, budget_, engine::BuiltinModels()),
      pool_(kPoolThreads, kPoolQueue),
      whole_reads_(1, kPoolQueue),
      shards_(settings.shards),
      health_(shards_, ServiceNames()),
      reflection_(ServiceNames()),
      reflection_alpha_(ServiceNames()),
      tables_(shards_),
      capabilities_(tables_, settings.limits.max_message_bytes),
      methods_(contract::AllInterfaces(),
               SystemServices(capabilities_, health_, reflection_, reflection_alpha_)),
      binder_(methods_.interfaces(),
              [this](const namespaces::BackendConfig& config) { return MakeBackend(config); }),
      gateway_({shards_, methods_, clock_, log, tables_}, ShardOptions(settings),
               security::Guard::Open()),
      changes_(shards_) {}

Core::~Core() { Stop(); }

Status Core::Start(const namespaces::Snapshot& file, const std::function<bool()>& keep_waiting) {
  for (Status opened = config_.Open(); !opened; opened = config_.Open()) {
    if (!IsElsewhere(opened.error()) || !keep_waiting()) return opened;
  }
  identity_.emplace(settings_, config_.database(), clock_,
                    [this](const auto& guard) { gateway_.UseGuard(guard); });
  const auto snapshot = config_.Choose(file);
  const bool import = snapshot->revision != config_.current().revision;
  TRY(identity_->Check(*snapshot));
  auto table = binder_.Bind(snapshot);
  for (Status opened = gateway::CheckBackends(*table); !opened;
       opened = gateway::CheckBackends(*table)) {
    if (!AreElsewhere(*table) || !keep_waiting())
      return import ? binder_.Check(*table, true) : opened;
    table.reset();  // a second try must not find what the first one holds
    table = binder_.Bind(snapshot);
  }
  if (import) TRY(binder_.Check(*table, true));
  TRY(config_.Keep(snapshot));
  TRY(shards_.Start());
  TRY_ASSIGN(first_token_, identity_->Start(*snapshot));
  ReportRefused(*table);
  changes_.Install(table, config_.current().facts);
  gateway_.Publish(table);
  binder_.Commit(std::move(table));
  operations_.emplace(config_.database(), clock_);
  TRY(operations_->Start(PurgedObjects(config_.purges())));
  purger_.emplace(Purger::Parts{.config = config_,
                                .binder = binder_,
                                .operations = *operations_,
                                .changes = changes_,
                                .clock = clock_,
                                .log = log_});
  changer_.emplace(ConfigChanger::Parts{.config = config_,
                                        .identity = *identity_,
                                        .binder = binder_,
                                        .gateway = gateway_,
                                        .changes = changes_});
  return {};
}

Status Core::Apply(const namespaces::Snapshot& file) {
  std::promise<Status> applied;
  TRY(changer_->thread().Submit([&] {
    const Status status = changer_->Use(file);
    if (status) ReportRefused(*binder_.current());
    applied.set_value(status);
  }));
  return applied.get_future().get();
}

void Core::Tidy() {
  if (!changer_ || tidying_.exchange(true)) return;
  // With the queue full there is more urgent work.
  if (!changer_->thread().Submit([this] { TidyHere(); })) tidying_ = false;
}

void Core::TidyHere() {
  binder_.Sweep();
  purger_->Run();
  config_.BackUp(pool_);
  if (const Status ended = identity_->EndExpired(); !ended) {
    log_.Failure("calls of expired tokens not ended", ended.error());
  }
  if (const Status saved = identity_->SaveUses(); !saved) {
    log_.Failure("times of use of tokens not saved", saved.error());
  }
  tidying_ = false;
}

void Core::Stop() {
  if (changer_) changer_->Stop();
  shards_.Stop();
  pool_.Stop();
  whole_reads_.Stop();
}

Result<std::shared_ptr<contract::Backend>> Core::MakeBackend(
    const namespaces::BackendConfig& config) {
  const backends::BuiltinBackend* builtin = backends::FindBuiltin(config.type);
  if (builtin == nullptr || !builtin->one_per_connection) return OpenBackend(config);
  std::weak_ptr<contract::Backend>& known = open_[{config.type, config.connection}];
  if (auto open = known.lock()) return open;
  auto opened = OpenBackend(config);
  if (opened) known = *opened;
  return opened;
}

Result<std::shared_ptr<contract::Backend>> Core::OpenBackend(
    const namespaces::BackendConfig& config) {
  TRY_ASSIGN(const backends::BackendSettings settings, Resolve(config));
  return backends::MakeBackend(config.type, {.engine = engine_, .data_dir = settings_.data_dir},
                               settings);
}

void Core::ReportRefused(const gateway::RoutingTable& table) {
  int refused = 0;
  for (const auto& entry : table.entries()) {
    if (!entry->refused || ++refused > kMaxReported) continue;
    log_.Warn("namespace can't be served", {{"namespace", entry->config.name},
                                            {"reason", entry->refused->reason()},
                                            {"message", entry->refused->message()}});
  }
  if (refused > kMaxReported) {
    log_.Warn("more namespaces can't be served", {{"count", refused - kMaxReported}});
  }
}

}  // namespace prism::app
