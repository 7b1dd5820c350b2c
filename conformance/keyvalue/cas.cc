#include <array>
#include <atomic>
#include <limits>

#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

kv::CompareAndSwapRequest SwapRequest(Run& run, std::string_view name, std::string_view value) {
  kv::CompareAndSwapRequest request;
  request.set_key(run.Key(name));
  request.set_value(std::string(value));
  return request;
}

Result<kv::CompareAndSwapResponse> SwapAbsent(Run& run, std::string_view name,
                                              std::string_view value) {
  auto request = SwapRequest(run, name, value);
  request.mutable_expect()->set_absent(true);
  return run.Call(std::move(request));
}

Result<kv::CompareAndSwapResponse> SwapVersion(Run& run, std::string_view name,
                                               std::string_view version, std::string_view value) {
  auto request = SwapRequest(run, name, value);
  request.mutable_expect()->set_version(std::string(version));
  return run.Call(std::move(request));
}

Result<kv::CompareAndSwapResponse> SwapValue(Run& run, std::string_view name,
                                             std::string_view expected, std::string_view value) {
  auto request = SwapRequest(run, name, value);
  request.mutable_expect()->set_value(std::string(expected));
  return run.Call(std::move(request));
}

Result<kv::IncrementResponse> Increment(Run& run, std::string_view name, std::int64_t delta) {
  kv::IncrementRequest request;
  request.set_key(run.Key(name));
  request.set_delta(delta);
  return run.Call(std::move(request));
}

// DS-19 and DS-20: the right version swaps and changes the version; a stale one is an answer with
// what is there.
Status SwapByVersion(Run& run) {
  TRY_ASSIGN(const auto set, Set(run, run.Key("k"), "one"));
  TRY_ASSIGN(const auto swapped, SwapVersion(run, "k", set.version(), "two"));
  MUST(swapped.swapped(), "the right version did not swap");
  MUST(swapped.version() != set.version(), "a swap left the version as it was");
  TRY_ASSIGN(const auto stale, SwapVersion(run, "k", set.version(), "three"));
  MUST(!stale.swapped(), "a stale version swapped");
  MUST(stale.version() == swapped.version(), "a mismatch does not answer the current version");
  MUST(stale.current().value() == "two" && stale.current().key() == run.Key("k"),
       "a mismatch does not answer what is there");
  return MustHold(run, run.Key("k"), "two");
}

Status SwapByValue(Run& run) {
  TRY(Set(run, run.Key("k"), "one"));
  TRY_ASSIGN(const auto wrong, SwapValue(run, "k", "two", "three"));
  MUST(!wrong.swapped(), "a wrong value swapped");
  TRY_ASSIGN(const auto right, SwapValue(run, "k", "one", ""));
  MUST(right.swapped(), "the right value did not swap");
  TRY_ASSIGN(const auto empty, SwapValue(run, "k", "", "four"));
  MUST(empty.swapped(), "the empty value is not equal to itself");
  TRY_ASSIGN(const auto absent, SwapValue(run, "missing", "", "v"));
  MUST(!absent.swapped() && absent.version().empty() && !absent.has_current(),
       "an absent key was equal to the empty value");
  return MustBeAbsent(run, run.Key("missing"));
}

// DS-26: first write wins.
Status SwapWhenAbsent(Run& run) {
  TRY_ASSIGN(const auto first, SwapAbsent(run, "k", "one"));
  MUST(first.swapped(), "the first write did not happen");
  TRY_ASSIGN(const auto second, SwapAbsent(run, "k", "two"));
  MUST(!second.swapped() && second.version() == first.version(), "the second first write happened");
  TRY(MustHold(run, run.Key("k"), "one"));
  TRY(Delete(run, run.Key("k")));
  TRY_ASSIGN(const auto after, SwapAbsent(run, "k", "three"));
  MUST(after.swapped(), "a deleted key does not count as absent");
  return {};
}

Status ExpectationIsRequired(Run& run) {
  TRY(MustFail(run.Call(SwapRequest(run, "k", "v")), Code::kInvalidArgument,
               "EXPECTATION_MISSING"));
  TRY_ASSIGN(const auto garbage, SwapVersion(run, "k", "no version of ours", "v"));
  MUST(!garbage.swapped(), "a version that never was matched");
  return MustBeAbsent(run, run.Key("k"));
}

// DS-23.
Status CompareAndDelete(Run& run) {
  TRY_ASSIGN(const auto set, Set(run, run.Key("k"), "v"));
  kv::CompareAndDeleteRequest request;
  request.set_key(run.Key("k"));
  request.mutable_expect()->set_version("no version of ours");
  TRY_ASSIGN(const auto wrong, run.Call(request));
  MUST(!wrong.deleted() && wrong.current().version() == set.version(), "a wrong version deleted");
  request.mutable_expect()->set_version(set.version());
  TRY_ASSIGN(const auto right, run.Call(request));
  MUST(right.deleted(), "the right version did not delete");
  TRY_ASSIGN(const auto gone, run.Call(request));
  MUST(!gone.deleted() && !gone.has_current(), "a deleted key was deleted again");
  return MustBeAbsent(run, run.Key("k"));
}

// of many concurrent first writes one wins, and its value stays.
Status OneWinnerAmongFirstWriters(Run& run) {
  for (int round = 0; round < 5; ++round) {
    const std::string name = fmt::format("k{}", round);
    std::atomic<int> winners = 0;
    std::atomic<int> winner = -1;
    TRY(run.Parallel(16, [&](Run& own, int index) -> Status {
      TRY_ASSIGN(const auto answer, SwapAbsent(own, name, fmt::format("writer-{}", index)));
      if (answer.swapped()) {
        ++winners;
        winner = index;
      }
      return {};
    }));
    MUST(winners == 1, "{} writers won", winners.load());
    TRY(MustHold(run, run.Key(name), fmt::format("writer-{}", winner.load())));
  }
  return {};
}

// N x M increments by compare-and-swap lose no update.
Status SwapLoopsLoseNoUpdate(Run& run) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  TRY(Set(run, run.Key("k"), "0"));
  TRY(run.Parallel(kThreads, [](Run& own, int) -> Status {
    for (int done = 0; done < kEach;) {
      TRY_ASSIGN(const auto got, Get(own, own.Key("k")));
      TRY_ASSIGN(const auto swap,
                 SwapVersion(own, "k", got.version(), std::to_string(std::stoi(got.value()) + 1)));
      done += swap.swapped() ? 1 : 0;
    }
    return {};
  }));
  return MustHold(run, run.Key("k"), std::to_string(kThreads * kEach));
}

Status IncrementCounts(Run& run) {
  TRY_ASSIGN(const auto first, Increment(run, "n", 5));
  MUST(first.value() == 5 && !first.version().empty(), "an absent key does not count as 0");
  TRY_ASSIGN(const auto down, Increment(run, "n", -12));
  MUST(down.value() == -7, "5 - 12 = {}", down.value());
  TRY(MustHold(run, run.Key("n"), "-7"));
  TRY_ASSIGN(const auto zero, Increment(run, "n", 0));
  MUST(zero.value() == -7, "-7 + 0 = {}", zero.value());
  return {};
}

Status IncrementRefusesWhatIsNoInteger(Run& run) {
  for (const std::string_view value :
       {"", "abc", "1.5", " 1", "1 ", "+1", "0x10", "9223372036854775808", "1e3", "--1"}) {
    TRY(Set(run, run.Key("n"), value));
    TRY(MustFail(Increment(run, "n", 1), Code::kFailedPrecondition, "NOT_AN_INTEGER"));
    TRY(MustHold(run, run.Key("n"), value));
  }
  const std::string most = std::to_string(std::numeric_limits<std::int64_t>::max());
  TRY(Set(run, run.Key("n"), most));
  TRY(MustFail(Increment(run, "n", 1), Code::kOutOfRange, "INTEGER_OVERFLOW"));
  TRY(MustHold(run, run.Key("n"), most));
  TRY(Set(run, run.Key("n"), std::to_string(std::numeric_limits<std::int64_t>::min())));
  return MustFail(Increment(run, "n", -1), Code::kOutOfRange, "INTEGER_OVERFLOW");
}

Status ConcurrentIncrementsAddUp(Run& run) {
  TRY(run.Parallel(8, [](Run& own, int) -> Status {
    for (int i = 0; i < 50; ++i) TRY(Increment(own, "n", 1));
    return {};
  }));
  return MustHold(run, run.Key("n"), "400");
}

Status IncrementReplays(Run& run) {
  kv::IncrementRequest request;
  request.set_key(run.Key("n"));
  request.set_delta(1);
  request.set_request_id(run.Key("id"));
  TRY(run.Call(request));
  TRY_ASSIGN(const auto replay, run.Call(request));
  MUST(replay.value() == 1, "the replay counted: {}", replay.value());
  return MustHold(run, run.Key("n"), "1");
}

constexpr Case kCases[] = {
    {"DS-19", "keyvalue_cas", "a stale version does not swap and is told what is there",
     SwapByVersion},
    {"KV-CAS-01", "keyvalue_cas", "the expected value decides, byte for byte", SwapByValue},
    {"DS-26", "keyvalue_cas", "a key that must be absent is written once", SwapWhenAbsent},
    {"KV-CAS-02", "keyvalue_cas", "an expectation is required", ExpectationIsRequired},
    {"DS-23", "keyvalue_cas", "CompareAndDelete removes the expected version only",
     CompareAndDelete},
    {"X-3", "keyvalue_cas", "of concurrent first writers one wins", OneWinnerAmongFirstWriters},
    {"X-2", "keyvalue_cas", "concurrent swap loops lose no update", SwapLoopsLoseNoUpdate},
    {"KV-CAS-03", "keyvalue_cas", "Increment counts from 0, up and down", IncrementCounts},
    {"KV-CAS-04", "keyvalue_cas", "Increment refuses non-integers and overflow and changes nothing",
     IncrementRefusesWhatIsNoInteger},
    {"KV-CAS-05", "keyvalue_cas", "concurrent increments add up", ConcurrentIncrementsAddUp},
    {"KV-CAS-06", "keyvalue_cas", "a replayed Increment counts once", IncrementReplays},
};

}  // namespace

std::span<const Case> KeyValueCasCases() { return kCases; }

}  // namespace prism::conformance
