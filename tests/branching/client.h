// For tests: libpq as a client of the proxy, and waiting for what nobody tells it.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"

namespace prism::branching::testing {

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
using Connection = std::unique_ptr<PGconn, Closer>;

// One answer of a query, or its error.
inline std::string Ask(const Connection& connection, const std::string& query) {
  const std::unique_ptr<PGresult, Closer> result(PQexec(connection.get(), query.c_str()));
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return PQcmdStatus(result.get());
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return PQerrorMessage(connection.get());
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

// Waits for what another thread or a server does by itself.
inline void AwaitTrue(const std::function<bool()>& condition) {
  const MonoNanos deadline = MonotonicNow() + 60 * kNanosPerSecond;
  bool there = condition();
  for (; !there && MonotonicNow() < deadline; there = condition())
    ::usleep(2000);  // lint-allow(sleep): a client of libpq is told nothing of the other side
  EXPECT_TRUE(there);
}

}  // namespace prism::branching::testing
