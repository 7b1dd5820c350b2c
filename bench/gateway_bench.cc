// What the gateway alone costs: a Get on the memory backend from the complete request to the
// answer, without a wire. Its floor is parsing the request and building the answer.
#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>

#include <latch>
#include <memory>
#include <optional>
#include <string>

#include "backends/builtin_backends.h"
#include "contract/all_interfaces.h"
#include "engine/local_engine.h"
#include "engine/models.h"
#include "gateway/binder.h"
#include "gateway/gateway.h"
#include "models/memory_budget.h"
#include "namespaces/snapshot.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "runtime/task_group.h"

namespace prism {
namespace {

namespace kv = ::prism::keyvalue::v1;

// A call on memory that is used again and again, as a pooled call of rpc/ is.
class BenchCall final : public rpc::ServerCall {
 public:
  BenchCall(const contract::MethodInfo& method, std::string request)
      : method_(method), request_(std::move(request)) {
    Reset();
  }
  void Reset() {
    context_.reset();
    arena_.Reset();
    context_.emplace(arena_);
    context_->arrival = runtime::Shard::Current() != nullptr
                            ? runtime::Shard::Current()->turn_time()
                            : MonotonicNow();
  }

  const contract::MethodInfo& method() const override { return method_; }
  contract::CallContext& context() override { return *context_; }
  std::string_view Header(std::string_view) const override { return {}; }
  const rpc::HeaderList& AllHeaders() const override { return no_headers_; }
  std::string_view peer() const override { return {}; }
  std::string_view peer_identity() const override { return {}; }
  rpc::Protocol protocol() const override { return rpc::Protocol::kGrpc; }
  rpc::CallAccount account() const override { return {}; }
  std::string_view request_bytes() const override { return request_; }
  void SetDeadline(MonoNanos when) override { context_->deadline = when; }
  void AddHeader(std::string_view, std::string_view) override {}
  void AddTrailer(std::string_view, std::string_view) override {}
  void Respond(const google::protobuf::Message& message) override {
    const std::size_t size = message.ByteSizeLong();
    out_.resize(size);
    message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out_.data()));
    ++answers;
  }
  void Finish() override {}
  void Fail(const Error&) override { ++failures; }
  void FailWith(const google::rpc::Status&) override { ++failures; }
  runtime::Task<Status> Write(const google::protobuf::Message&) override { co_return Status(); }
  runtime::Task<Result<bool>> Read(google::protobuf::Message&) override { co_return false; }

  long answers = 0;
  long failures = 0;

 private:
  const contract::MethodInfo& method_;
  rpc::HeaderList no_headers_;
  std::string request_;
  std::string out_;
  alignas(8) char block_[2048];
  google::protobuf::Arena arena_{[this] {
    google::protobuf::ArenaOptions options;
    options.initial_block = block_;
    options.initial_block_size = sizeof block_;
    return options;
  }()};
  std::optional<contract::CallContext> context_;
};

struct Rig {
  Rig()
      : methods(contract::AllInterfaces(), {}),
        binder(methods.interfaces(),
               [this](const namespaces::BackendConfig& config) {
                 return backends::MakeBackend(config.type, {engine, ""}, {config.name, "", "", ""});
               }),
        gateway({shards, methods, clock, log, tables}, {}, security::Guard::Open()) {
    auto snapshot = std::make_shared<namespaces::Snapshot>();
    snapshot->backends = {{"memory", "memory", "", "", ""}};
    namespaces::NamespaceConfig ns;
    ns.name = ns.settings.name = "scratch";
    ns.backend = "memory";
    snapshot->namespaces = {ns};
    if (!shards.Start()) std::abort();
    const auto table = binder.Bind(snapshot);
    gateway.Publish(table);
    binder.Commit(table);
  }
  ~Rig() { shards.Stop(); }

  SystemClock clock;
  telemetry::Logger log{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  models::MemoryBudget budget{64u << 20};
  engine::LocalEngine engine{{}, clock, budget, engine::BuiltinModels()};
  runtime::ShardPool shards{1};
  gateway::NewestTables tables{shards};
  gateway::MethodTable methods;
  gateway::Binder binder;
  gateway::Gateway gateway;
};

void Run(benchmark::State& state, std::string_view path, const std::string& request) {
  Rig rig;
  std::latch done(1);
  rig.shards.at(0).Post([&] {
    kv::SetRequest set;
    set.set_namespace_("scratch");
    set.set_key("user:00000001");
    set.set_value(std::string(100, 'x'));
    runtime::TaskGroup group;
    BenchCall fill(*rig.gateway.Find("/prism.keyvalue.v1.KeyValueBasic/Set"),
                   set.SerializeAsString());
    group.Spawn(rig.gateway.Serve(fill));
    BenchCall call(*rig.gateway.Find(path), request);
    for (auto _ : state) {
      call.Reset();
      benchmark::DoNotOptimize(rig.gateway.Find(path));
      group.Spawn(rig.gateway.Serve(call));
    }
    if (call.failures != 0 || call.answers == 0) state.SkipWithError("calls failed");
    done.count_down();
  });
  done.wait();
}

void GatewayGet(benchmark::State& state) {
  kv::GetRequest get;
  get.set_namespace_("scratch");
  get.set_key("user:00000001");
  Run(state, "/prism.keyvalue.v1.KeyValueBasic/Get", get.SerializeAsString());
}
BENCHMARK(GatewayGet);

void GatewaySet(benchmark::State& state) {
  kv::SetRequest set;
  set.set_namespace_("scratch");
  set.set_key("user:00000001");
  set.set_value(std::string(100, 'x'));
  Run(state, "/prism.keyvalue.v1.KeyValueBasic/Set", set.SerializeAsString());
}
BENCHMARK(GatewaySet);

// The floor: parse the request and build the answer, nothing else.
void ParseAndBuild(benchmark::State& state) {
  kv::GetRequest get;
  get.set_namespace_("scratch");
  get.set_key("user:00000001");
  const std::string bytes = get.SerializeAsString();
  const std::string value(100, 'x');
  alignas(8) char block[2048];
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof block;
  google::protobuf::Arena arena(options);
  std::string out;
  for (auto _ : state) {
    arena.Reset();
    auto* request = google::protobuf::Arena::CreateMessage<kv::GetRequest>(&arena);
    request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    auto* response = google::protobuf::Arena::CreateMessage<kv::GetResponse>(&arena);
    response->set_found(true);
    response->set_value(value);
    response->set_version("0000000000000001");
    out.resize(response->ByteSizeLong());
    response->SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data()));
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(ParseAndBuild);

}  // namespace
}  // namespace prism
