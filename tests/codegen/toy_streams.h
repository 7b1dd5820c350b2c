// Ends of streams for tests, and a call that owns everything that a real one does.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <coroutine>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/call_context.h"
#include "contract/stream.h"
#include "runtime/task_group.h"

namespace prism::toy {

// Takes messages and keeps what their field `word` says. With `slow`, every write waits for
// Release.
class RecordingSink final : public contract::MessageSink {
 public:
  explicit RecordingSink(bool slow = false) : slow_(slow) {}

  runtime::Task<Status> Write(const google::protobuf::Message& message) override {
    if (slow_) co_await Wait{*this};
    if (words.size() == capacity) {
      co_return std::unexpected(Error(Code::kCancelled, "CLIENT_GONE", "nobody reads any more"));
    }
    const auto* field = message.GetDescriptor()->FindFieldByName("word");
    words.push_back(message.GetReflection()->GetString(message, field));
    co_return Status();
  }

  bool waiting() const { return waiter_ != nullptr; }
  void Release() { std::exchange(waiter_, nullptr).resume(); }

  std::vector<std::string> words;
  std::size_t capacity = 1000;

 private:
  struct Wait {
    RecordingSink& sink;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { sink.waiter_ = waiter; }
    void await_resume() noexcept {}
  };

  bool slow_;
  std::coroutine_handle<> waiter_ = nullptr;
};

// Hands out messages with the given words.
class WordSource final : public contract::MessageSource {
 public:
  explicit WordSource(std::deque<std::string> words) : words_(std::move(words)) {}

  runtime::Task<Result<bool>> Read(google::protobuf::Message& into) override {
    into.Clear();
    if (words_.empty()) co_return false;
    const auto* field = into.GetDescriptor()->FindFieldByName("word");
    into.GetReflection()->SetString(&into, field, words_.front());
    words_.pop_front();
    co_return true;
  }

 private:
  std::deque<std::string> words_;
};

// One call. `status` is set when the method has completed.
struct Call {
  google::protobuf::Arena arena;
  contract::CallContext ctx{arena};
  std::optional<Status> status;
  runtime::TaskGroup group;

  void Start(runtime::Task<Status> task) { group.Spawn(Keep(std::move(task), status)); }

 private:
  static runtime::Task<void> Keep(runtime::Task<Status> task, std::optional<Status>& into) {
    into = co_await std::move(task);
  }
};

}  // namespace prism::toy
