// Work that blocks, from a coroutine.
#pragma once

#include <type_traits>
#include <utility>

#include "base/status.h"
#include "runtime/blocking_pool.h"
#include "runtime/task.h"

namespace prism::branching {

// What `work` answers, a Status or Result, or why the pool did not take it.
template <class F>
runtime::Task<std::invoke_result_t<F&>> RunOnPool(runtime::BlockingPool& pool, F work) {
  auto ran = co_await pool.Run(std::move(work));
  if (!ran) co_return std::unexpected(std::move(ran).error());
  co_return *std::move(ran);
}

}  // namespace prism::branching
