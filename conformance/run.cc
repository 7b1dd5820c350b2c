#include "conformance/run.h"

#include <thread>
#include <vector>

namespace prism::conformance {

Run::Run(const Target& target, std::string prefix)
    : target_(target), prefix_(std::move(prefix)), channel_(target.channel) {}

Status Run::Parallel(int count, const std::function<Status(Run&, int)>& work) {
  std::vector<Status> outcomes(static_cast<std::size_t>(count));
  // lint-allow(thread): cases need concurrent clients, and a client blocks its thread.
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      Run own(target_, prefix_);
      outcomes[static_cast<std::size_t>(i)] = work(own, i);
    });
  }
  threads.clear();  // joins
  for (const Status& outcome : outcomes) TRY(outcome);
  return {};
}

}  // namespace prism::conformance
