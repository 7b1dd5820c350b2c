#include <google/protobuf/util/time_util.h>

#include <chrono>

#include "base/clock.h"
#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

using google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;

Result<kv::GetTTLResponse> Ttl(Run& run, std::string_view key) {
  kv::GetTTLRequest request;
  request.set_key(std::string(key));
  return run.Call(std::move(request));
}

Result<bool> Expire(Run& run, std::string_view key, milliseconds ttl) {
  kv::ExpireRequest request;
  request.set_key(std::string(key));
  *request.mutable_ttl() = TimeUtil::MillisecondsToDuration(ttl.count());
  TRY_ASSIGN(const auto response, run.Call(std::move(request)));
  return response.existed();
}

Result<bool> Persist(Run& run, std::string_view key) {
  kv::PersistRequest request;
  request.set_key(std::string(key));
  TRY_ASSIGN(const auto response, run.Call(std::move(request)));
  return response.removed();
}

Status Gone(Run& run, std::string_view key, milliseconds limit) {
  return Eventually(limit, "the key expires", [&]() -> Result<bool> {
    TRY_ASSIGN(const auto got, Get(run, key));
    return !got.found();
  });
}

// DS-28 and the bounds of a ttl: zero and negative are refused, a fraction of a millisecond rounds
// up.
Status BadTtlIsRefused(Run& run) {
  TRY(MustFail(SetFor(run, run.Key("k"), "v", milliseconds(0)), Code::kInvalidArgument,
               "TTL_NOT_POSITIVE"));
  TRY(MustFail(SetFor(run, run.Key("k"), "v", milliseconds(-1)), Code::kInvalidArgument,
               "TTL_NOT_POSITIVE"));
  TRY(MustBeAbsent(run, run.Key("k")));
  TRY(Set(run, run.Key("k"), "v"));
  TRY(MustFail(Expire(run, run.Key("k"), milliseconds(0)), Code::kInvalidArgument,
               "TTL_NOT_POSITIVE"));
  TRY_ASSIGN(const auto ttl, Ttl(run, run.Key("k")));
  MUST(ttl.state() == kv::GetTTLResponse::PERSISTENT, "a refused Expire changed the key");
  kv::SetRequest tiny;
  tiny.set_key(run.Key("tiny"));
  tiny.mutable_ttl()->set_nanos(1);
  TRY(run.Call(tiny));
  return Gone(run, run.Key("tiny"), milliseconds(1'000));
}

// DS-29: readable at once, gone when the time is over, and absent to every method from then on.
Status ExpiredKeysAreAbsentToEveryMethod(Run& run) {
  const std::string key = run.Key("k");
  TRY(SetFor(run, key, "v", milliseconds(300)));
  TRY(MustHold(run, key, "v"));
  TRY(Gone(run, key, milliseconds(3'000)));
  TRY(MustBeAbsent(run, key));
  TRY_ASSIGN(const bool existed, Delete(run, key));
  MUST(!existed, "Delete found an expired key");
  TRY_ASSIGN(const bool expired, Expire(run, key, milliseconds(1'000)));
  MUST(!expired, "Expire found an expired key");
  TRY_ASSIGN(const bool persisted, Persist(run, key));
  MUST(!persisted, "Persist found an expired key");
  TRY_ASSIGN(const auto ttl, Ttl(run, key));
  MUST(ttl.state() == kv::GetTTLResponse::MISSING, "GetTTL found an expired key");
  return {};
}

// The key is there until its expire_time and gone from that millisecond on. The gateway's clock is
// the only one that counts, so the case compares with GetTTL, which reads the same clock.
Status ExpiryIsExactToTheMillisecond(Run& run) {
  for (int round = 0; round < 10; ++round) {
    const std::string key = run.Key(fmt::format("k{}", round));
    TRY(SetFor(run, key, "v", milliseconds(40 + round * 7)));
    for (bool there = true; there;) {
      const MonoNanos before = MonotonicNow();
      TRY_ASSIGN(const auto ttl, Ttl(run, key));
      TRY_ASSIGN(const auto got, Get(run, key));
      const MonoNanos passed_ms = (MonotonicNow() - before) / kNanosPerMilli + 1;
      const auto left = ttl.state() == kv::GetTTLResponse::EXPIRING
                            ? TimeUtil::DurationToMilliseconds(ttl.ttl())
                            : 0;
      MUST(ttl.state() != kv::GetTTLResponse::PERSISTENT, "the key lost its expiry");
      MUST(!(ttl.state() == kv::GetTTLResponse::MISSING && got.found()),
           "GetTTL says missing, Get finds the key later");
      MUST(!(left > passed_ms && !got.found()), "{} ms were left and the key is gone after {} ms",
           left, passed_ms);
      MUST(!(ttl.state() == kv::GetTTLResponse::EXPIRING && left < 1),
           "an existing key has {} ms left", left);
      there = got.found();
    }
  }
  return {};
}

// DS-30 and DS-31.
Status ExpireTimeIsReported(Run& run) {
  TRY(Set(run, run.Key("forever"), "v"));
  TRY_ASSIGN(const auto forever, Get(run, run.Key("forever")));
  MUST(!forever.has_expire_time(), "a key without ttl has an expire_time");
  const auto before = TimeUtil::GetCurrentTime();
  TRY(SetFor(run, run.Key("hour"), "v", std::chrono::hours(1)));
  TRY_ASSIGN(const auto hour, Get(run, run.Key("hour")));
  MUST(hour.has_expire_time(), "a key with ttl has no expire_time");
  const auto off = TimeUtil::DurationToSeconds(hour.expire_time() - before) - 3600;
  MUST(off >= -5 && off <= 5, "expire_time is {} s away from now + 1 h", off);
  TRY_ASSIGN(const auto ttl, Ttl(run, run.Key("hour")));
  MUST(ttl.state() == kv::GetTTLResponse::EXPIRING, "GetTTL does not say EXPIRING");
  return {};
}

// DS-32: a plain Set clears the old expiry, and so does Persist.
Status PlainSetAndPersistClearTheExpiry(Run& run) {
  TRY(SetFor(run, run.Key("a"), "v", milliseconds(200)));
  TRY(Set(run, run.Key("a"), "w"));
  TRY(SetFor(run, run.Key("b"), "v", milliseconds(200)));
  TRY_ASSIGN(const bool removed, Persist(run, run.Key("b")));
  MUST(removed, "Persist of an expiring key says removed = false");
  TRY_ASSIGN(const bool again, Persist(run, run.Key("b")));
  MUST(!again, "Persist of a persistent key says removed = true");
  TRY(SetFor(run, run.Key("witness"), "v", milliseconds(300)));
  TRY(Gone(run, run.Key("witness"), milliseconds(3'000)));
  TRY(MustHold(run, run.Key("a"), "w"));
  return MustHold(run, run.Key("b"), "v");
}

Status ExpireKeepsValueAndVersion(Run& run) {
  TRY_ASSIGN(const auto set, Set(run, run.Key("k"), "v"));
  TRY_ASSIGN(const bool existed, Expire(run, run.Key("k"), std::chrono::hours(1)));
  MUST(existed, "Expire of a present key says existed = false");
  TRY_ASSIGN(const auto got, Get(run, run.Key("k")));
  MUST(got.value() == "v" && got.version() == set.version(), "Expire changed value or version");
  TRY_ASSIGN(const bool sooner, Expire(run, run.Key("k"), milliseconds(50)));
  MUST(sooner, "Expire of an expiring key says existed = false");
  TRY(Gone(run, run.Key("k"), milliseconds(3'000)));
  TRY_ASSIGN(const bool missing, Expire(run, run.Key("k"), std::chrono::hours(1)));
  MUST(!missing, "Expire brought an expired key back");
  return MustBeAbsent(run, run.Key("k"));
}

// An expired key that is written again is a new key: new version, no expiry.
Status RebirthAfterExpiry(Run& run) {
  TRY_ASSIGN(const auto first, SetFor(run, run.Key("k"), "v", milliseconds(50)));
  TRY(Gone(run, run.Key("k"), milliseconds(3'000)));
  TRY_ASSIGN(const auto second, Set(run, run.Key("k"), "v"));
  MUST(first.version() != second.version(), "the version of the expired key came again");
  TRY_ASSIGN(const auto ttl, Ttl(run, run.Key("k")));
  MUST(ttl.state() == kv::GetTTLResponse::PERSISTENT, "the new key inherited an expiry");
  return {};
}

constexpr Case kCases[] = {
    {"DS-28", "keyvalue_ttl", "a ttl of zero or less is refused and changes nothing",
     BadTtlIsRefused},
    {"DS-29", "keyvalue_ttl", "an expired key is absent to every method",
     ExpiredKeysAreAbsentToEveryMethod},
    {"X-7", "keyvalue_ttl", "expiry is exact to the millisecond", ExpiryIsExactToTheMillisecond},
    {"DS-31", "keyvalue_ttl", "expire_time is reported, and only where there is one (DS-30)",
     ExpireTimeIsReported},
    {"DS-32", "keyvalue_ttl", "a plain Set and Persist clear the expiry",
     PlainSetAndPersistClearTheExpiry},
    {"KV-TTL-01", "keyvalue_ttl", "Expire keeps value and version", ExpireKeepsValueAndVersion},
    {"KV-TTL-02", "keyvalue_ttl", "a key written after its expiry is a new key",
     RebirthAfterExpiry},
};

}  // namespace

std::span<const Case> KeyValueTtlCases() { return kCases; }

}  // namespace prism::conformance
