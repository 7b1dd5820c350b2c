// Requests that many KeyValue cases make.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "conformance/run.h"

namespace prism::conformance {

namespace kv = ::prism::keyvalue::v1;

Result<kv::SetResponse> Set(Run& run, std::string_view key, std::string_view value);
Result<kv::SetResponse> SetFor(Run& run, std::string_view key, std::string_view value,
                               std::chrono::milliseconds ttl);
Result<kv::GetResponse> Get(Run& run, std::string_view key);
Result<bool> Delete(Run& run, std::string_view key);
Result<bool> Exists(Run& run, std::string_view key);

// The key holds exactly this value.
Status MustHold(Run& run, std::string_view key, std::string_view value);
// The key is absent to Get and Exists.
Status MustBeAbsent(Run& run, std::string_view key);

// Asks until `done` answers true; the promise is broken when it has not within `limit`.
Status Eventually(std::chrono::milliseconds limit, std::string_view what,
                  const std::function<Result<bool>()>& done);

}  // namespace prism::conformance
