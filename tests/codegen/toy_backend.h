// The only backend of the toy model: keeps words in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codegen/toy.pb.h"
#include "codegen/toy.prism.h"
#include "contract/implements.h"

namespace prism::toy {

// Single-threaded; a test owns it.
class ToyBackend final : public contract::Implements<v1::ToyBasic, v1::ToyFlow> {
 public:
  runtime::Task<Status> Echo(contract::CallContext& ctx, const v1::EchoRequest& request,
                             v1::EchoResponse& response) override;
  runtime::Task<Status> KeepWord(contract::CallContext& ctx, const v1::KeepWordRequest& request,
                                 v1::KeepWordResponse& response) override;
  runtime::Task<Status> Repeat(contract::CallContext& ctx, const v1::RepeatRequest& request,
                               contract::Sink<v1::RepeatResponse> sink) override;
  runtime::Task<Status> Join(contract::CallContext& ctx, contract::Source<v1::JoinRequest> source,
                             v1::JoinResponse& response) override;
  runtime::Task<Status> Relay(contract::CallContext& ctx, contract::Source<v1::RelayRequest> source,
                              contract::Sink<v1::RelayResponse> sink) override;

  const std::vector<std::string>& kept() const { return kept_; }

 private:
  std::vector<std::string> kept_;
};

std::unique_ptr<ToyBackend> MakeToyBackend();

}  // namespace prism::toy
