// Clients who come before there is anything to let them into.
#pragma once

#include <optional>

#include "base/status.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/wait.h"

namespace prism::branching {

// Open, closed for a while (who comes waits), or closed with an answer. Life cycle: made open; as
// its shard's sessions, all of which have gone when it is destroyed. Thread rule: its shard.
class Gate {
 public:
  explicit Gate(runtime::Shard& shard) : decided_(shard) { decided_.Set(); }

  bool open() const { return decided_.set() && !answer_; }
  void Open();
  // Who comes waits.
  void Close();
  // Who waits and who comes is told `answer`.
  void TurnAway(Error answer);

  // Completes when it is open. The answer; CANCELLED/CANCELLED.
  runtime::Task<Status> Pass(runtime::CancelSource* cancel);

 private:
  runtime::Event decided_;
  std::optional<Error> answer_;
};

}  // namespace prism::branching
