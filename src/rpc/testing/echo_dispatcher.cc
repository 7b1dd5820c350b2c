#include "rpc/testing/echo_dispatcher.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <array>
#include <string>

#include "google/rpc/status.pb.h"

namespace prism::rpc::testing {
namespace {

using Message = google::protobuf::BytesValue;

constexpr contract::MethodInfo Method(std::string_view path, contract::StreamKind kind,
                                      contract::Access access = contract::Access::kWrite) {
  contract::MethodInfo info{};
  info.path = path;
  info.kind = kind;
  info.access = access;
  info.new_request = [](google::protobuf::Arena* arena) -> google::protobuf::Message* {
    return google::protobuf::Arena::CreateMessage<Message>(arena);
  };
  return info;
}

constexpr std::array kMethods = {
    Method(EchoDispatcher::kUnary, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kLook, contract::StreamKind::kUnary, contract::Access::kRead),
    Method(EchoDispatcher::kFail, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kTell, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kHold, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kDeaf, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kSilent, contract::StreamKind::kUnary),
    Method(EchoDispatcher::kRepeat, contract::StreamKind::kServer),
    Method(EchoDispatcher::kCollect, contract::StreamKind::kClient),
    Method(EchoDispatcher::kChat, contract::StreamKind::kBidi),
};

}  // namespace

// Where a call waits: until Release, or until its cancellation when it listens to it.
class EchoDispatcher::Gate final : private runtime::CancelCallback {
 public:
  Gate(EchoDispatcher& owner, runtime::CancelSource* cancel) : owner_(owner), cancel_(cancel) {}
  bool await_ready() const { return cancel_ != nullptr && cancel_->cancelled(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    owner_.gates_.push_back(this);
    if (cancel_ != nullptr) cancel_->Register(*this);
  }
  void await_resume() { Unlink(); }
  void Open() { waiter_.resume(); }

 private:
  void OnCancel(runtime::CancelReason) override {
    std::erase(owner_.gates_, this);
    waiter_.resume();
  }

  EchoDispatcher& owner_;
  runtime::CancelSource* cancel_;
  std::coroutine_handle<> waiter_;
};

const contract::MethodInfo* EchoDispatcher::Find(std::string_view path) {
  const auto* found = std::ranges::find(kMethods, path, &contract::MethodInfo::path);
  return found == kMethods.end() ? nullptr : found;
}

void EchoDispatcher::Release() {
  for (Gate* gate : std::exchange(gates_, {})) gate->Open();
}

runtime::Task<void> EchoDispatcher::Serve(ServerCall& call) {
  ++started;
  last_call_ = &call;
  last_header = call.Header("x-test");
  last_request_id = call.context().request_id.text();
  const telemetry::TraceContext& trace = call.context().trace;
  last_traceparent = trace.active() ? trace.TraceparentHeader() : std::string();
  last_tracestate = trace.tracestate();
  const std::string_view path = call.method().path;
  if (path == kUnary || path == kLook) {
    co_await Unary(call);
  } else if (path == kFail) {
    call.Fail(Error(Code::kFailedPrecondition, "TEST_FAILURE", "50% sure: näh\n")
                  .With("key", "value")
                  .WithField("field", "is wrong"));
  } else if (path == kTell) {
    Tell(call);
  } else if (path == kHold || path == kDeaf) {
    co_await Hold(call, path == kDeaf);
  } else if (path == kRepeat) {
    co_await Repeat(call);
  } else if (path == kCollect) {
    co_await Collect(call);
  } else if (path == kChat) {
    co_await Chat(call);
  }
  ++finished;
}

void EchoDispatcher::OnRefused(const contract::MethodInfo* method, ServerCall& call,
                               const Error& error) {
  std::string line(method != nullptr ? method->path : "?");
  line.append(" ").append(error.reason()).append(" ").append(ProtocolName(call.protocol()));
  refused.push_back(std::move(line));
}

// All values of "x-tell" as a header, the identity of the peer as another, a trailer, and with
// "x-fail" an error with a detail.
void EchoDispatcher::Tell(ServerCall& call) {
  std::string values;
  for (std::size_t i = 0; i < call.AllHeaders().size(); ++i) {
    const auto [name, value] = call.AllHeaders()[i];
    if (name == "x-tell") values.append(value);
  }
  call.AddHeader("x-head", values);
  if (!call.peer_identity().empty()) call.AddHeader("x-identity", call.peer_identity());
  call.AddTrailer("x-tail", "t");
  if (call.Header("x-fail").empty()) return call.Respond(Message());
  google::rpc::Status status;
  status.set_code(static_cast<int>(Code::kOutOfRange));
  status.add_details()->PackFrom(Message());
  call.FailWith(status);
}

runtime::Task<void> EchoDispatcher::Unary(ServerCall& call) {
  auto* message = google::protobuf::Arena::CreateMessage<Message>(&call.context().arena());
  const std::string_view bytes = call.request_bytes();
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    call.AddHeader("x-echo", "yes");
    call.Respond(*message);
  } else {
    call.Fail({Code::kInvalidArgument, "MALFORMED_MESSAGE", "the request is not valid protobuf"});
  }
  co_return;
}

runtime::Task<void> EchoDispatcher::Hold(ServerCall& call, bool deaf) {
  runtime::CancelSource& cancel = call.context().cancel();
  co_await Gate(*this, deaf ? nullptr : &cancel);
  if (cancel.cancelled()) {
    cancelled.push_back(cancel.reason());
    call.Fail({Code::kCancelled, "CALL_CANCELLED", "nobody waits any more"});
  } else {
    call.Respond(Message());
  }
}

runtime::Task<void> EchoDispatcher::Repeat(ServerCall& call) {
  Message message;
  const std::string request(call.request_bytes());
  if (!message.ParseFromString(request)) {
    call.Fail({Code::kInvalidArgument, "MALFORMED_MESSAGE", "the request is not valid protobuf"});
    co_return;
  }
  for (int i = 0; i < repeats; ++i) {
    const Status status = co_await call.Write(message);
    if (!status) {
      cancelled.push_back(call.context().cancel().reason());
      call.Fail(status.error());
      co_return;
    }
    ++written;
  }
  call.Finish();
}

runtime::Task<void> EchoDispatcher::Collect(ServerCall& call) {
  if (hold_reads) co_await Gate(*this, &call.context().cancel());
  std::size_t total = 0;
  Message message;
  for (;;) {
    const Result<bool> more = co_await call.Read(message);
    if (!more) {
      call.Fail(more.error());
      co_return;
    }
    if (!*more) break;
    ++read;
    total += message.value().size();
  }
  message.set_value(std::to_string(total));
  call.Respond(message);
}

runtime::Task<void> EchoDispatcher::Chat(ServerCall& call) {
  Message message;
  for (;;) {
    const Result<bool> more = co_await call.Read(message);
    if (!more) {
      call.Fail(more.error());
      co_return;
    }
    if (!*more) break;
    const Status status = co_await call.Write(message);
    if (!status) {
      call.Fail(status.error());
      co_return;
    }
  }
  call.Finish();
}

}  // namespace prism::rpc::testing
