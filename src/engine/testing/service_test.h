// For tests of services: calls by the pointer to their method, on an engine over memory.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "engine/testing/harness.h"

namespace prism::engine::testing {

template <class Interface, class Request, class Response>
using UnaryMethod = runtime::Task<Status> (Interface::*)(contract::CallContext&, const Request&,
                                                         Response&);

class ServiceTest : public ::testing::Test {
 protected:
  template <class Interface, class Request, class Response>
  Status Try(UnaryMethod<Interface, Request, Response> method, const Request& request,
             Response& response) {
    TestCall call(engine_.clock.Now());
    return RunNow((engine_.service<Interface>().*method)(*call, request, response));
  }
  // Fails the test when the call fails.
  template <class Interface, class Request, class Response>
  Response Call(UnaryMethod<Interface, Request, Response> method, const Request& request) {
    Response response;
    const Status status = Try(method, request, response);
    EXPECT_TRUE(status) << status.error().ToString();
    return response;
  }
  // Why the call failed, or "" when it did not.
  template <class Interface, class Request, class Response>
  std::string Reason(UnaryMethod<Interface, Request, Response> method, const Request& request) {
    Response response;
    const Status status = Try(method, request, response);
    return status ? "" : std::string(status.error().reason());
  }

  MemoryEngine engine_;
};

}  // namespace prism::engine::testing
