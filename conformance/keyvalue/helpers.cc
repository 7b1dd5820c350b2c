#include "conformance/keyvalue/helpers.h"

#include <google/protobuf/util/time_util.h>

#include "base/clock.h"

namespace prism::conformance {

Result<kv::SetResponse> Set(Run& run, std::string_view key, std::string_view value) {
  kv::SetRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  return run.Call(std::move(request));
}

Result<kv::SetResponse> SetFor(Run& run, std::string_view key, std::string_view value,
                               std::chrono::milliseconds ttl) {
  kv::SetRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  *request.mutable_ttl() = google::protobuf::util::TimeUtil::MillisecondsToDuration(ttl.count());
  return run.Call(std::move(request));
}

Result<kv::GetResponse> Get(Run& run, std::string_view key) {
  kv::GetRequest request;
  request.set_key(std::string(key));
  return run.Call(std::move(request));
}

Result<bool> Delete(Run& run, std::string_view key) {
  kv::DeleteRequest request;
  request.set_key(std::string(key));
  TRY_ASSIGN(const kv::DeleteResponse response, run.Call(std::move(request)));
  return response.existed();
}

Result<bool> Exists(Run& run, std::string_view key) {
  kv::ExistsRequest request;
  request.set_key(std::string(key));
  TRY_ASSIGN(const kv::ExistsResponse response, run.Call(std::move(request)));
  return response.exists();
}

Status MustHold(Run& run, std::string_view key, std::string_view value) {
  TRY_ASSIGN(const kv::GetResponse got, Get(run, key));
  MUST(got.found(), "key {} is absent", key);
  MUST(got.value() == value, "key {} holds {} bytes that differ from the {} written", key,
       got.value().size(), value.size());
  return {};
}

Status MustBeAbsent(Run& run, std::string_view key) {
  TRY_ASSIGN(const kv::GetResponse got, Get(run, key));
  MUST(!got.found(), "key {} is there", key);
  MUST(got.value().empty() && got.version().empty(), "an absent key {} comes with value or version",
       key);
  TRY_ASSIGN(const bool exists, Exists(run, key));
  MUST(!exists, "Exists({}) is true after Get found nothing", key);
  return {};
}

Status Eventually(std::chrono::milliseconds limit, std::string_view what,
                  const std::function<Result<bool>()>& done) {
  const MonoNanos give_up = MonotonicNow() + limit.count() * kNanosPerMilli;
  for (;;) {
    TRY_ASSIGN(const bool reached, done());
    if (reached) return {};
    MUST(MonotonicNow() < give_up, "{}: not within {} ms", what, limit.count());
  }
}

}  // namespace prism::conformance
