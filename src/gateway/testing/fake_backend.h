// For tests: a backend with two KeyValue interfaces whose answers the test decides.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "contract/backend.h"
#include "contract/implements.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"
#include "runtime/cancel.h"

namespace prism::gateway::testing {

namespace kv = ::prism::keyvalue::v1;

// Waits until the call is cancelled.
class UntilCancelled final : private runtime::CancelCallback {
 public:
  explicit UntilCancelled(runtime::CancelSource& source) : source_(source) {}
  bool await_ready() const noexcept { return source_.cancelled(); }
  void await_suspend(std::coroutine_handle<> caller) {
    caller_ = caller;
    source_.Register(*this);
  }
  void await_resume() const noexcept {}

 private:
  void OnCancel(runtime::CancelReason) override { caller_.resume(); }

  runtime::CancelSource& source_;
  std::coroutine_handle<> caller_;
};

class FakeKeyValue final : public contract::Implements<kv::KeyValueBasic, kv::KeyValueScan> {
 public:
  explicit FakeKeyValue(std::string name) : name_(std::move(name)) {}

  runtime::Task<Status> Set(contract::CallContext& ctx, const kv::SetRequest&,
                            kv::SetResponse& response) override {
    ++executed;
    ctx.durability = contract::Durability::kAccepted;
    response.set_version("1");
    co_return Status();
  }
  // Found with the namespace as its value; the key "wait" waits until it is cancelled.
  runtime::Task<Status> Get(contract::CallContext& ctx, const kv::GetRequest& request,
                            kv::GetResponse& response) override {
    ++executed;
    if (request.key() == "wait") {
      co_await UntilCancelled(ctx.cancel());
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "nobody wants it"));
    }
    response.set_found(true);
    response.set_value(name_);
    co_return Status();
  }
  runtime::Task<Status> Delete(contract::CallContext&, const kv::DeleteRequest&,
                               kv::DeleteResponse&) override {
    co_return std::unexpected(Error(Code::kAborted, "VERSION_MISMATCH", "no"));
  }
  runtime::Task<Status> Exists(contract::CallContext&, const kv::ExistsRequest&,
                               kv::ExistsResponse&) override {
    co_return Status();
  }
  // One entry; with a limit of 2 it then waits until it is cancelled.
  runtime::Task<Status> Scan(contract::CallContext& ctx, const kv::ScanRequest& request,
                             contract::Sink<kv::ScanResponse> sink) override {
    ++executed;
    kv::ScanResponse item;
    item.mutable_entry()->set_key("k");
    CO_TRY(co_await sink.Write(item));
    if (request.limit() == 2) {
      co_await UntilCancelled(ctx.cancel());
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "nobody wants it"));
    }
    co_return Status();
  }
  runtime::Task<Status> ScanKeys(contract::CallContext&, const kv::ScanKeysRequest&,
                                 contract::Sink<kv::ScanKeysResponse>) override {
    co_return Status();
  }
  runtime::Task<Status> Count(contract::CallContext&, const kv::CountRequest&,
                              kv::CountResponse&) override {
    co_return Status();
  }
  runtime::Task<Status> DeletePrefix(contract::CallContext&, const kv::DeletePrefixRequest&,
                                     kv::DeletePrefixResponse&) override {
    co_return Status();
  }

  std::atomic<int> executed = 0;

 private:
  std::string name_;
};

class FakeNamespace final : public contract::NamespaceBackend {
 public:
  FakeNamespace(std::string name, std::atomic<int>& alive) : keyvalue(name), alive_(alive) {
    ++alive_;
  }
  ~FakeNamespace() override { --alive_; }

  std::span<const contract::InterfaceInfo* const> Interfaces() const override {
    return keyvalue.Interfaces();
  }
  void* Find(const contract::InterfaceInfo& info) override { return keyvalue.Find(info); }

  FakeKeyValue keyvalue;

 private:
  std::atomic<int>& alive_;
};

// `kStrongest`: what its reads promise.
template <contract::Consistency kStrongest>
class BasicFakeBackend final : public contract::Backend {
 public:
  static constexpr contract::BackendTraits kTraits = {.type = "fake",
                                                      .durability = contract::Durability::kAccepted,
                                                      .ordered_scan = true,
                                                      .dedup = true,
                                                      .ttl_precision_ms = 1,
                                                      .strongest = kStrongest};

  const contract::BackendTraits& traits() const override { return kTraits; }
  std::span<const contract::InterfaceInfo* const> Interfaces() const override {
    return FakeKeyValue::kInterfaces;
  }
  Result<std::shared_ptr<contract::NamespaceBackend>> Open(
      const contract::NamespaceSettings& settings) override {
    if (settings.name == "broken") {
      return std::unexpected(Error(Code::kDataLoss, "FILE_DAMAGED", "its file is damaged"));
    }
    ++opened;
    auto made = std::make_shared<FakeNamespace>(settings.name, alive);
    last = made;
    return made;
  }
  Status Purge(std::string_view) override {
    ++purged;
    return {};
  }
  Status Health() override { return {}; }

  std::atomic<int> opened = 0;
  std::atomic<int> purged = 0;
  std::atomic<int> alive = 0;
  std::weak_ptr<FakeNamespace> last;
};

using FakeBackend = BasicFakeBackend<contract::Consistency::kStrong>;
using LaggingBackend = BasicFakeBackend<contract::Consistency::kEventual>;

}  // namespace prism::gateway::testing
