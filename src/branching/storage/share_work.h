// One piece of work on several threads, without ever waiting for a thread to be free.
#pragma once

#include <cstddef>
#include <functional>

#include "base/status.h"

namespace prism::runtime {
class BlockingPool;
}

namespace prism::branching::internal {

// work(i) for each i below `count`, in any order: on this thread, and on those of `helpers` (may be
// none) that have time while it lasts. Ends with the first error, and when no other thread is in
// `work` any more. May be called on a thread of the same pool, all of whose threads may be busy.
Status ShareWork(runtime::BlockingPool* helpers, std::size_t count,
                 const std::function<Status(std::size_t)>& work);

}  // namespace prism::branching::internal
