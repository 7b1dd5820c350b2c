// For tests: a call without a wire, and a way to run one on a shard.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/status_proto.h"
#include "google/rpc/status.pb.h"
#include "rpc/server.h"

namespace prism::gateway::testing {

// Records what the gateway answers. Fill the public inputs, serve it, read the outputs.
class FakeCall final : public rpc::ServerCall {
 public:
  FakeCall(const contract::MethodInfo& method, std::string request)
      : request_text(std::move(request)), method_(method), context_(arena_) {
    context_.arrival = MonotonicNow();
    context_.request_id.Take("a-request");
  }

  const contract::MethodInfo& method() const override { return method_; }
  contract::CallContext& context() override { return context_; }
  std::string_view Header(std::string_view name) const override {
    const auto it = request_headers.find(name);
    return it == request_headers.end() ? std::string_view() : it->second;
  }
  const rpc::HeaderList& AllHeaders() const override { return all_headers; }
  std::string_view peer_identity() const override { return identity; }
  std::string_view peer() const override { return "127.0.0.1:1"; }
  rpc::Protocol protocol() const override { return rpc::Protocol::kConnect; }
  rpc::CallAccount account() const override { return call_account; }
  std::string_view request_bytes() const override { return request_text; }
  void SetDeadline(MonoNanos when) override {
    deadline_set = when;
    if (context_.deadline == 0 || when < context_.deadline) context_.deadline = when;
  }
  void AddHeader(std::string_view name, std::string_view value) override {
    headers[std::string(name)] = value;
  }
  void AddTrailer(std::string_view name, std::string_view value) override {
    trailers[std::string(name)] = value;
  }
  void Respond(const google::protobuf::Message& message) override {
    response = message.SerializeAsString();
    ++ends;
  }
  void Finish() override { ++ends; }
  void Fail(const Error& failure) override {
    error = failure;
    ++ends;
  }
  void FailWith(const google::rpc::Status& status) override {
    Fail(contract::DecodeStatus(contract::CodeFromNumber(status.code()), status.message(),
                                status.SerializeAsString()));
  }
  runtime::Task<Status> Write(const google::protobuf::Message& message) override {
    written.push_back(message.SerializeAsString());
    co_return Status();
  }
  runtime::Task<Result<bool>> Read(google::protobuf::Message& into) override {
    if (to_read.empty()) co_return false;
    into.ParseFromString(to_read.front());
    to_read.pop_front();
    co_return true;
  }

  // Inputs.
  std::string request_text;
  std::map<std::string, std::string, std::less<>> request_headers;
  rpc::HeaderList all_headers;  // for what counts them
  std::string identity;
  std::deque<std::string> to_read;
  rpc::CallAccount call_account;

  // Outputs.
  std::map<std::string, std::string, std::less<>> headers;
  std::map<std::string, std::string, std::less<>> trailers;
  std::vector<std::string> written;
  std::string response;
  std::optional<Error> error;
  std::optional<MonoNanos> deadline_set;
  int ends = 0;

 private:
  const contract::MethodInfo& method_;
  google::protobuf::Arena arena_;
  contract::CallContext context_;
};

}  // namespace prism::gateway::testing
