// Memory that is freed goes back to the system at once.
#pragma once

namespace prism::runtime {

// An allocator keeps what is freed for some milliseconds, since it may be wanted again: faster, but
// with large values as much again as what is in use. While one of these lives, mimalloc keeps
// nothing; any other allocator goes on as it does. Costs page faults: for when memory is short.
// Life cycle: any number at a time, the last one to go restores what was. Thread rule: any thread.
class LeanMemory {
 public:
  LeanMemory();
  LeanMemory(const LeanMemory&) = delete;
  LeanMemory& operator=(const LeanMemory&) = delete;
  ~LeanMemory();
};

}  // namespace prism::runtime
