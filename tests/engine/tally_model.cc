#include "tests/engine/tally_model.h"

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "contract/implements.h"
#include "engine/apply_once.h"
#include "tally/v1/tally.pb.h"
#include "tally/v1/tally.prism.h"

namespace prism::engine::testing {
namespace {

using tally::v1::AddRequest;
using tally::v1::AddResponse;
using tally::v1::ReadRequest;
using tally::v1::ReadResponse;

// 1. What the services need of a store.
class TallyStore : public ModelStore {
 public:
  virtual Result<std::int64_t> Add(std::string_view name, std::int64_t amount) = 0;
  virtual Result<std::int64_t> Read(std::string_view name) = 0;
};

// 2. The store of one storage engine.
class MemoryTallyStore final : public TallyStore {
 public:
  explicit MemoryTallyStore(MemorySpace& space) : space_(space) {}
  Result<std::int64_t> Add(std::string_view name, std::int64_t amount) override {
    const std::lock_guard lock(mutex_);
    const auto at = sums_.find(name);
    if (at != sums_.end()) return at->second += amount;
    TRY(space_.Reserve(
        {.bytes = static_cast<std::int64_t>(name.size()), .keys = 1, .overhead = 64}));
    return sums_.emplace(name, amount).first->second;
  }
  Result<std::int64_t> Read(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    const auto at = sums_.find(name);
    return at == sums_.end() ? 0 : at->second;
  }
  Result<bool> Sweep(WallMillis, std::size_t) override { return false; }

 private:
  MemorySpace& space_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t, std::less<>> sums_;
};

// 3. The services, over any store.
class LocalTally final : public contract::Implements<tally::v1::TallyBasic>, public ModelService {
 public:
  explicit LocalTally(const ModelContext& context) : store_(context.store, context.slot) {}

  contract::InterfaceProvider& provider() override { return *this; }
  void Sweep(MonoNanos) override {}

  runtime::Task<Status> Add(contract::CallContext& ctx, const AddRequest& request,
                            AddResponse& response) override {
    co_return co_await ApplyOnce(
        store_, ctx, {"tally_basic.add", request.request_id(), request}, response,
        [&](TallyStore& store) { return store.Add(request.name(), request.amount()); },
        [](std::int64_t sum, AddResponse& to) -> Status {
          to.set_sum(sum);
          return {};
        });
  }
  runtime::Task<Status> Read(contract::CallContext& ctx, const ReadRequest& request,
                             ReadResponse& response) override {
    CO_TRY_ASSIGN(const std::int64_t sum, co_await store_.Read(ctx, [&](TallyStore& store) {
      return store.Read(request.name());
    }));
    response.set_sum(sum);
    co_return Status();
  }

 private:
  StoreHandle<TallyStore> store_;
};

}  // namespace

// 4. One line in each list.
const Model kTallyModel = {
    .id = "tally",
    .interfaces = LocalTally::kInterfaces,
    .serve = [](const ModelContext& context) -> std::unique_ptr<ModelService> {
      return std::make_unique<LocalTally>(context);
    },
};

const MemoryModel kTallyInMemory = {
    .id = "tally",
    .make = [](MemorySpace& space) -> std::unique_ptr<ModelStore> {
      return std::make_unique<MemoryTallyStore>(space);
    },
};

}  // namespace prism::engine::testing
