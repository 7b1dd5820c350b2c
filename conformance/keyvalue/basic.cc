#include <array>
#include <set>
#include <string>
#include <utility>

#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

// DS-03 and DS-04: values of every shape come back byte for byte.
Status ValuesOfEveryShape(Run& run) {
  const std::pair<std::string_view, std::string> values[] = {
      {"int", "123"},
      {"bool", "true"},
      {"byte", std::string("\x01", 1)},
      {"json-string", "\"hello\""},
      {"plain", "hello world"},
      {"empty", ""},
      {"object", R"({"name":"a","n":1})"},
      {"nested", R"({"product":{"value":11.5}})"},
      {"binary", std::string("\x00\xff\x00\x80\n\r", 6)},
      {"invalid-utf8", std::string("\xc3\x28\xa0\xa1", 4)},
  };
  for (const auto& [name, value] : values) {
    TRY_ASSIGN(const auto set, Set(run, run.Key(name), value));
    MUST(!set.version().empty(), "Set answers without a version");
  }
  for (const auto& [name, value] : values) TRY(MustHold(run, run.Key(name), value));
  return {};
}

// DS-05: a serialized message with a negative field survives.
Status SerializedMessage(Run& run) {
  kv::IncrementRequest message;
  message.set_delta(-1);
  const std::string bytes = message.SerializeAsString();
  TRY(Set(run, run.Key("proto"), bytes));
  TRY_ASSIGN(const auto got, Get(run, run.Key("proto")));
  kv::IncrementRequest decoded;
  MUST(decoded.ParseFromString(got.value()) && decoded.delta() == -1,
       "the message does not decode to what it was");
  return {};
}

// DS-08: deleting is idempotent, also for keys that were never written.
Status DeleteIsIdempotent(Run& run) {
  TRY(Set(run, run.Key("k"), "v"));
  TRY_ASSIGN(const bool existed, Delete(run, run.Key("k")));
  MUST(existed, "Delete of a present key says existed = false");
  TRY(MustBeAbsent(run, run.Key("k")));
  for (const std::string_view never : {"k", "never-1", "never-2"}) {
    TRY_ASSIGN(const bool again, Delete(run, run.Key(never)));
    MUST(!again, "Delete of an absent key says existed = true");
  }
  return {};
}

Status OverwriteReplacesEverything(Run& run) {
  kv::SetRequest request;
  request.set_key(run.Key("k"));
  request.set_value("first");
  (*request.mutable_tags())["owner"] = "one";
  TRY(run.Call(request));
  request.set_value("second, longer than the first");
  request.clear_tags();
  TRY(run.Call(request));
  TRY_ASSIGN(const auto got, Get(run, run.Key("k")));
  MUST(got.value() == "second, longer than the first", "the old value is still there");
  MUST(got.tags().empty(), "tags of the overwritten value are still there");
  return {};
}

Status TagsComeBack(Run& run) {
  kv::SetRequest request;
  request.set_key(run.Key("k"));
  (*request.mutable_tags())["a"] = "1";
  (*request.mutable_tags())["empty"] = "";
  (*request.mutable_tags())["ünïcode"] = "✓";
  TRY(run.Call(request));
  TRY_ASSIGN(const auto got, Get(run, run.Key("k")));
  MUST(got.tags().size() == 3 && got.tags().at("a") == "1" && got.tags().at("ünïcode") == "✓",
       "{} tags came back", got.tags().size());
  return {};
}

// X-5: keys of every legal kind are distinct and opaque.
Status AwkwardKeys(Run& run) {
  const std::string names[] = {
      "a/b",     "a//b",    "..",     "../x", "a%2Fb", "a%b",  "a_b",        "%",
      "'; DROP", "a\\b",    "a\nb",   "a\tb", "\x01",  "\x7f", " lead",      "trail ",
      "é",       "e\u0301", "\u2603", "😀",   "a:b",   "a||b", "\"quoted\"", "*?[x]",
  };
  std::set<std::string> versions;
  for (const std::string& name : names) TRY(Set(run, run.Key(name), "value of " + name));
  for (const std::string& name : names) TRY(MustHold(run, run.Key(name), "value of " + name));
  for (const std::string& name : names) {
    TRY_ASSIGN(const bool existed, Delete(run, run.Key(name)));
    MUST(existed, "key {} is gone before it was deleted", name);
  }
  return {};
}

Status KeyLengthLimits(Run& run) {
  const std::string longest = run.prefix() + std::string(1024 - run.prefix().size(), 'k');
  TRY(Set(run, longest, "v"));
  TRY(MustHold(run, longest, "v"));
  TRY(MustFail(Set(run, longest + "k", "v"), Code::kInvalidArgument, "KEY_TOO_LONG"));
  TRY(MustFail(Get(run, longest + "k"), Code::kInvalidArgument, "KEY_TOO_LONG"));
  TRY(MustFail(Set(run, "", "v"), Code::kInvalidArgument, "KEY_EMPTY"));
  TRY(MustFail(Delete(run, ""), Code::kInvalidArgument, "KEY_EMPTY"));
  TRY(MustFail(Get(run, std::string("a\0b", 3)), Code::kInvalidArgument, "KEY_HAS_NUL"));
  return {};
}

// X-6: the largest value works, one byte more is refused and changes nothing.
Status ValueSizeLimit(Run& run) {
  constexpr std::size_t kDefaultLimit = 4u << 20;
  const std::string key = run.Key("large");
  const std::string largest(kDefaultLimit, 'x');
  TRY(Set(run, key, largest));
  TRY(MustHold(run, key, largest));
  TRY(MustFail(Set(run, key, largest + "x"), Code::kResourceExhausted, "VALUE_TOO_LARGE"));
  TRY(MustHold(run, key, largest));
  return {};
}

// A version is never repeated for a key, not even after a removal.
Status VersionsNeverRepeat(Run& run) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    TRY_ASSIGN(const auto set, Set(run, run.Key("k"), "same value"));
    MUST(seen.insert(set.version()).second, "version {} came twice", set.version());
    TRY_ASSIGN(const auto got, Get(run, run.Key("k")));
    MUST(got.version() == set.version(), "Get shows version {}, Set answered {}", got.version(),
         set.version());
    if (i % 5 == 0) TRY(Delete(run, run.Key("k")));
  }
  return {};
}

// An acknowledged write is seen by every later read, on any connection.
Status ReadsSeeAnsweredWrites(Run& run) {
  return run.Parallel(8, [](Run& own, int index) -> Status {
    Run other(own.target(), own.prefix());
    for (int i = 0; i < 50; ++i) {
      const std::string key = own.Key(fmt::format("{}-{}", index, i));
      TRY(Set(own, key, "v"));
      TRY(MustHold(other, key, "v"));
    }
    return {};
  });
}

Status RequestIdReplays(Run& run) {
  kv::SetRequest set;
  set.set_key(run.Key("k"));
  set.set_value("v");
  set.set_request_id(run.Key("id-1"));
  TRY_ASSIGN(const auto first, run.Call(set));
  TRY(Set(run, run.Key("k"), "written in between"));
  TRY_ASSIGN(const auto replay, run.Call(set));
  MUST(replay.version() == first.version(), "a replay answers another version");
  TRY(MustHold(run, run.Key("k"), "written in between"));
  set.set_value("other payload");
  TRY(MustFail(run.Call(set), Code::kInvalidArgument, "REQUEST_ID_REUSED"));

  kv::DeleteRequest remove;
  remove.set_key(run.Key("k"));
  remove.set_request_id(run.Key("id-2"));
  TRY_ASSIGN(const auto deleted, run.Call(remove));
  TRY_ASSIGN(const auto again, run.Call(remove));
  MUST(deleted.existed() && again.existed(), "the replay of a Delete answers differently");
  return {};
}

// Sixteen at once with one request id: one write, sixteen equal answers.
Status ConcurrentDuplicatesActOnce(Run& run) {
  std::array<std::string, 16> versions;
  TRY(run.Parallel(16, [&versions](Run& own, int index) -> Status {
    kv::SetRequest set;
    set.set_key(own.Key("k"));
    set.set_value("v");
    set.set_request_id(own.Key("id"));
    TRY_ASSIGN(const auto answer, own.Call(set));
    versions[static_cast<std::size_t>(index)] = answer.version();
    return {};
  }));
  for (const std::string& version : versions) {
    MUST(version == versions[0], "duplicates got versions {} and {}", version, versions[0]);
  }
  return {};
}

// Every write names its durability; a demand that can't be met is refused before anything happens.
Status DurabilityIsNamedAndDemandable(Run& run) {
  constexpr std::array<std::string_view, 4> kLevels = {"memory", "accepted", "fsynced",
                                                       "replicated"};
  kv::SetRequest set;
  set.set_key(run.Key("k"));
  set.set_value("v");
  rpc::Reply reply;
  TRY(run.Call(set, {}, &reply));
  const std::string given(reply.Header("prism-durability"));
  const auto* level = std::find(kLevels.begin(), kLevels.end(), given);
  MUST(level != kLevels.end(), "a write answers prism-durability '{}'", given);
  for (const auto* demand = kLevels.begin(); demand != kLevels.end(); ++demand) {
    set.set_value(std::string(*demand));
    const auto answer = run.Call(set, {{"prism-min-durability", std::string(*demand)}});
    if (demand <= level) {
      TRY(answer);
      TRY(MustHold(run, run.Key("k"), *demand));
    } else {
      TRY(MustFail(answer, Code::kFailedPrecondition, "DURABILITY_UNAVAILABLE"));
      TRY(MustHold(run, run.Key("k"), given));
    }
  }
  TRY(MustFail(run.Call(set, {{"prism-min-durability", "titanium"}}), Code::kInvalidArgument,
               "BAD_DURABILITY"));
  return {};
}

constexpr Case kCases[] = {
    {"DS-03", "keyvalue_basic", "values of every shape come back byte for byte",
     ValuesOfEveryShape},
    {"DS-05", "keyvalue_basic", "a serialized message survives", SerializedMessage},
    {"DS-08", "keyvalue_basic", "deleting what is not there succeeds", DeleteIsIdempotent},
    {"KV-BASIC-01", "keyvalue_basic", "Set replaces value and tags", OverwriteReplacesEverything},
    {"KV-BASIC-02", "keyvalue_basic", "tags come back as written", TagsComeBack},
    {"X-5", "keyvalue_basic",
     "keys with separators, control characters, marks and emoji are distinct", AwkwardKeys},
    {"KV-BASIC-03", "keyvalue_basic", "keys have 1 to 1024 bytes and no NUL", KeyLengthLimits},
    {"X-6", "keyvalue_basic", "values have 0 bytes to 4 MiB; more is refused and changes nothing",
     ValueSizeLimit},
    {"KV-BASIC-04", "keyvalue_basic", "versions never repeat for a key", VersionsNeverRepeat},
    {"KV-BASIC-05", "keyvalue_basic", "a read on any connection sees every answered write",
     ReadsSeeAnsweredWrites},
    {"KV-BASIC-06", "keyvalue_basic", "a request id replays the first answer", RequestIdReplays},
    {"KV-BASIC-07", "keyvalue_basic", "concurrent duplicates act once",
     ConcurrentDuplicatesActOnce},
    {"KV-BASIC-08", "keyvalue_basic",
     "durability is named, and refused before execution when unavailable",
     DurabilityIsNamedAndDemandable},
};

}  // namespace

std::span<const Case> KeyValueBasicCases() { return kCases; }

}  // namespace prism::conformance
