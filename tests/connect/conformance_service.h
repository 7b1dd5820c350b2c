// The service that the Connect conformance suite calls: it answers what each request says that it
// should, and tells what it saw of the request.
//
// Prism's own errors carry a google.rpc.ErrorInfo with their reason. The suite takes each detail
// that it did not ask for as a mistake, so StatusOf leaves it away here; nothing else differs from
// Prism.
#pragma once

#include <string_view>

#include "contract/method.h"
#include "rpc/server.h"
#include "runtime/task.h"

namespace prism::connect_conformance {

// Without state: one object for all shards.
class ConformanceService final : public rpc::Dispatcher {
 public:
  const contract::MethodInfo* Find(std::string_view path) override;
  google::rpc::Status StatusOf(const Error& error) override;
  runtime::Task<void> Serve(rpc::ServerCall& call) override;
};

}  // namespace prism::connect_conformance
