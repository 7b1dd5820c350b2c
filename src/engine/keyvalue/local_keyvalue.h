// The six KeyValue interfaces over any KeyValueStore.
#pragma once

#include <string_view>

#include "contract/implements.h"
#include "engine/apply_once.h"
#include "engine/keyvalue_store.h"
#include "engine/local_engine.h"
#include "engine/model.h"
#include "models/keyvalue/open_transactions.h"
#include "models/keyvalue/scan_plan.h"
#include "models/page_token.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"

namespace prism::engine {

// One per namespace, for all shards. Validates, hands closures to the store, fills responses; what
// it keeps itself are the open transactions. The methods are in one file per interface.
class LocalKeyValue final
    : public contract::Implements<keyvalue::v1::KeyValueBasic, keyvalue::v1::KeyValueScan,
                                  keyvalue::v1::KeyValueTtl, keyvalue::v1::KeyValueTransactional,
                                  keyvalue::v1::KeyValueBatch, keyvalue::v1::KeyValueCas>,
      public ModelService {
 public:
  using Context = contract::CallContext;
  using StatusTask = runtime::Task<Status>;
  template <class T>
  using Sink = contract::Sink<T>;

  explicit LocalKeyValue(const ModelContext& context);

  contract::InterfaceProvider& provider() override { return *this; }
  void Sweep(MonoNanos now) override { transactions_.Sweep(now); }
  bool Idle() override { return transactions_.empty(); }

  StatusTask Set(Context& ctx, const keyvalue::v1::SetRequest& request,
                 keyvalue::v1::SetResponse& response) override;
  StatusTask Get(Context& ctx, const keyvalue::v1::GetRequest& request,
                 keyvalue::v1::GetResponse& response) override;
  StatusTask Delete(Context& ctx, const keyvalue::v1::DeleteRequest& request,
                    keyvalue::v1::DeleteResponse& response) override;
  StatusTask Exists(Context& ctx, const keyvalue::v1::ExistsRequest& request,
                    keyvalue::v1::ExistsResponse& response) override;

  StatusTask Scan(Context& ctx, const keyvalue::v1::ScanRequest& request,
                  Sink<keyvalue::v1::ScanResponse> sink) override;
  StatusTask ScanKeys(Context& ctx, const keyvalue::v1::ScanKeysRequest& request,
                      Sink<keyvalue::v1::ScanKeysResponse> sink) override;
  StatusTask Count(Context& ctx, const keyvalue::v1::CountRequest& request,
                   keyvalue::v1::CountResponse& response) override;
  StatusTask DeletePrefix(Context& ctx, const keyvalue::v1::DeletePrefixRequest& request,
                          keyvalue::v1::DeletePrefixResponse& response) override;

  StatusTask Expire(Context& ctx, const keyvalue::v1::ExpireRequest& request,
                    keyvalue::v1::ExpireResponse& response) override;
  StatusTask GetTTL(Context& ctx, const keyvalue::v1::GetTTLRequest& request,
                    keyvalue::v1::GetTTLResponse& response) override;
  StatusTask Persist(Context& ctx, const keyvalue::v1::PersistRequest& request,
                     keyvalue::v1::PersistResponse& response) override;

  StatusTask BeginTransaction(Context& ctx, const keyvalue::v1::BeginTransactionRequest& request,
                              keyvalue::v1::BeginTransactionResponse& response) override;
  StatusTask SetInTransaction(Context& ctx, const keyvalue::v1::SetInTransactionRequest& request,
                              keyvalue::v1::SetInTransactionResponse& response) override;
  StatusTask GetInTransaction(Context& ctx, const keyvalue::v1::GetInTransactionRequest& request,
                              keyvalue::v1::GetInTransactionResponse& response) override;
  StatusTask DeleteInTransaction(Context& ctx,
                                 const keyvalue::v1::DeleteInTransactionRequest& request,
                                 keyvalue::v1::DeleteInTransactionResponse& response) override;
  StatusTask Commit(Context& ctx, const keyvalue::v1::CommitRequest& request,
                    keyvalue::v1::CommitResponse& response) override;
  StatusTask Rollback(Context& ctx, const keyvalue::v1::RollbackRequest& request,
                      keyvalue::v1::RollbackResponse& response) override;

  StatusTask BatchSet(Context& ctx, const keyvalue::v1::BatchSetRequest& request,
                      keyvalue::v1::BatchSetResponse& response) override;
  StatusTask BatchGet(Context& ctx, const keyvalue::v1::BatchGetRequest& request,
                      keyvalue::v1::BatchGetResponse& response) override;
  StatusTask BatchDelete(Context& ctx, const keyvalue::v1::BatchDeleteRequest& request,
                         keyvalue::v1::BatchDeleteResponse& response) override;

  StatusTask CompareAndSwap(Context& ctx, const keyvalue::v1::CompareAndSwapRequest& request,
                            keyvalue::v1::CompareAndSwapResponse& response) override;
  StatusTask CompareAndDelete(Context& ctx, const keyvalue::v1::CompareAndDeleteRequest& request,
                              keyvalue::v1::CompareAndDeleteResponse& response) override;
  StatusTask Increment(Context& ctx, const keyvalue::v1::IncrementRequest& request,
                       keyvalue::v1::IncrementResponse& response) override;

 private:
  template <class Response>
  StatusTask StreamScan(Context& ctx, models::ScanPlan plan, Sink<Response> sink);
  StatusTask CommitContent(Context& ctx, const keyvalue::v1::CommitRequest& request,
                           const models::OpenTransactions::Closed& closed,
                           keyvalue::v1::CommitResponse& response);

  const models::TokenKey& token_key() const {
    const models::TokenKey* own = store_.token_key();
    return own != nullptr ? *own : engine_.options().token_key;
  }
  std::uint64_t max_value_bytes() const { return store_.limits().max_value_bytes(); }

  LocalEngine& engine_;
  StoreHandle<KeyValueStore> store_;
  std::string_view ns_;
  models::OpenTransactions transactions_;
};

// The entry of BuiltinModels().
extern const Model kKeyValueModel;

}  // namespace prism::engine
