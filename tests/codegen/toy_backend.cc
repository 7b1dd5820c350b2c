#include "toy_backend.h"

namespace prism::toy {

runtime::Task<Status> ToyBackend::Echo(contract::CallContext&, const v1::EchoRequest& request,
                                       v1::EchoResponse& response) {
  response.set_word(request.word());
  co_return Status();
}

runtime::Task<Status> ToyBackend::KeepWord(contract::CallContext&,
                                           const v1::KeepWordRequest& request,
                                           v1::KeepWordResponse&) {
  if (request.word().empty()) {
    co_return std::unexpected(InvalidField("WORD_EMPTY", "word", "must have a letter"));
  }
  kept_.push_back(request.word());
  co_return Status();
}

runtime::Task<Status> ToyBackend::Repeat(contract::CallContext&, const v1::RepeatRequest& request,
                                         contract::Sink<v1::RepeatResponse> sink) {
  v1::RepeatResponse message;
  message.set_word(request.word());
  for (int i = 0; i < request.times(); ++i) CO_TRY(co_await sink.Write(message));
  co_return Status();
}

runtime::Task<Status> ToyBackend::Join(contract::CallContext&,
                                       contract::Source<v1::JoinRequest> source,
                                       v1::JoinResponse& response) {
  v1::JoinRequest request;
  while (true) {
    CO_TRY_ASSIGN(const bool more, co_await source.Read(request));
    if (!more) co_return Status();
    response.mutable_text()->append(request.word());
  }
}

runtime::Task<Status> ToyBackend::Relay(contract::CallContext&,
                                        contract::Source<v1::RelayRequest> source,
                                        contract::Sink<v1::RelayResponse> sink) {
  v1::RelayRequest request;
  v1::RelayResponse response;
  while (true) {
    CO_TRY_ASSIGN(const bool more, co_await source.Read(request));
    if (!more) co_return Status();
    response.set_word(request.word());
    CO_TRY(co_await sink.Write(response));
  }
}

std::unique_ptr<ToyBackend> MakeToyBackend() { return std::make_unique<ToyBackend>(); }

}  // namespace prism::toy
