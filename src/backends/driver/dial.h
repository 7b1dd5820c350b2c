// From an address to a connected socket, without blocking the shard.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "rpc/client/client_target.h"
#include "runtime/blocking_pool.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace prism::backends {

struct SocketAddress {
  sockaddr_storage storage;
  socklen_t size;
};

// The addresses of a target, in the order of preference. Of literal addresses and unix sockets at
// once; names are looked up by the system on a thread of the pool, which nothing can hurry. For
// libraries that would look names up themselves, blocking. UNAVAILABLE/BACKEND_UNREACHABLE.
runtime::Task<Result<std::vector<SocketAddress>>> Resolve(runtime::BlockingPool* pool,
                                                          rpc::ClientTarget target);

// A socket that is connected, non-blocking and, over TCP, without delay and with keepalive: a
// server whose machine has gone is noticed after 90 s even when nothing is asked. Each address is
// tried in turn until the deadline. UNAVAILABLE/BACKEND_UNREACHABLE, CANCELLED/CANCELLED. On the
// shard; pool and shard outlive the task.
runtime::Task<Result<base::UniqueFd>> Dial(runtime::Shard* shard, runtime::BlockingPool* pool,
                                           rpc::ClientTarget target, MonoNanos deadline,
                                           runtime::CancelSource* cancel);

}  // namespace prism::backends
