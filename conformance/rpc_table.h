// Which method takes which request: lets a case call a method by building its request.
#pragma once

#include <string_view>

#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::conformance {

template <class Request>
struct RpcOf;

#define PRISM_RPC(service, method)                                                        \
  template <>                                                                             \
  struct RpcOf<::prism::keyvalue::v1::method##Request> {                                  \
    using Response = ::prism::keyvalue::v1::method##Response;                             \
    static constexpr std::string_view kPath = "/prism.keyvalue.v1." #service "/" #method; \
  }

PRISM_RPC(KeyValueBasic, Set);
PRISM_RPC(KeyValueBasic, Get);
PRISM_RPC(KeyValueBasic, Delete);
PRISM_RPC(KeyValueBasic, Exists);
PRISM_RPC(KeyValueScan, Scan);
PRISM_RPC(KeyValueScan, ScanKeys);
PRISM_RPC(KeyValueScan, Count);
PRISM_RPC(KeyValueScan, DeletePrefix);
PRISM_RPC(KeyValueTtl, Expire);
PRISM_RPC(KeyValueTtl, GetTTL);
PRISM_RPC(KeyValueTtl, Persist);
PRISM_RPC(KeyValueTransactional, BeginTransaction);
PRISM_RPC(KeyValueTransactional, SetInTransaction);
PRISM_RPC(KeyValueTransactional, GetInTransaction);
PRISM_RPC(KeyValueTransactional, DeleteInTransaction);
PRISM_RPC(KeyValueTransactional, Commit);
PRISM_RPC(KeyValueTransactional, Rollback);
PRISM_RPC(KeyValueBatch, BatchSet);
PRISM_RPC(KeyValueBatch, BatchGet);
PRISM_RPC(KeyValueBatch, BatchDelete);
PRISM_RPC(KeyValueCas, CompareAndSwap);
PRISM_RPC(KeyValueCas, CompareAndDelete);
PRISM_RPC(KeyValueCas, Increment);

#undef PRISM_RPC

}  // namespace prism::conformance
