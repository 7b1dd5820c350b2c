#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

// DS-09, DS-10, DS-11: items in order, missing ones as answers.
Status SetAndGetMany(Run& run) {
  kv::BatchSetRequest set;
  for (int i = 0; i < 7; ++i) {
    auto* item = set.add_items();
    item->set_key(run.Key(fmt::format("k{}", i)));
    item->set_value(fmt::format("v{}", i));
  }
  TRY_ASSIGN(const auto written, run.Call(set));
  MUST(written.items_size() == 7, "{} outcomes for 7 items", written.items_size());
  for (const auto& item : written.items())
    MUST(item.status().code() == 0 && !item.version().empty(), "an item failed: {}",
         item.status().message());
  for (int i = 0; i < 7; ++i)
    TRY(MustHold(run, run.Key(fmt::format("k{}", i)), fmt::format("v{}", i)));

  kv::BatchGetRequest get;
  for (const std::string_view name : {"k6", "missing", "k0", "k0"}) get.add_keys(run.Key(name));
  TRY_ASSIGN(const auto read, run.Call(get));
  MUST(read.items_size() == 4, "{} outcomes for 4 keys", read.items_size());
  MUST(read.items(0).found() && read.items(0).entry().value() == "v6", "the first item is not k6");
  MUST(!read.items(1).found() && read.items(1).status().code() == 0,
       "a missing key is not an answer");
  MUST(read.items(2).entry().value() == "v0" && read.items(3).entry().value() == "v0",
       "a key asked twice is not answered twice");
  return {};
}

// DS-12.
Status DeleteMany(Run& run) {
  TRY(Set(run, run.Key("a"), "v"));
  TRY(Set(run, run.Key("b"), "v"));
  kv::BatchDeleteRequest remove;
  for (const std::string_view name : {"a", "missing", "b"}) remove.add_keys(run.Key(name));
  TRY_ASSIGN(const auto removed, run.Call(remove));
  MUST(removed.items_size() == 3, "{} outcomes for 3 keys", removed.items_size());
  MUST(removed.items(0).existed() && !removed.items(1).existed() && removed.items(2).existed(),
       "the outcomes are not those of the keys");
  TRY(MustBeAbsent(run, run.Key("a")));
  return MustBeAbsent(run, run.Key("b"));
}

// DS-21: a bad item fails alone.
Status BadItemsFailAlone(Run& run) {
  kv::BatchSetRequest set;
  for (const std::string& key :
       {run.Key("good"), std::string(), run.Key("ttl"), run.Key("also-good")}) {
    auto* item = set.add_items();
    item->set_key(key);
    item->set_value("v");
  }
  set.mutable_items(2)->mutable_ttl()->set_seconds(-1);
  TRY_ASSIGN(const auto written, run.Call(set));
  MUST(written.items_size() == 4, "{} outcomes for 4 items", written.items_size());
  MUST(written.items(0).status().code() == 0 && written.items(3).status().code() == 0,
       "good items failed with the bad one");
  MUST(written.items(1).status().reason() == "KEY_EMPTY", "the empty key got reason '{}'",
       written.items(1).status().reason());
  MUST(written.items(2).status().reason() == "TTL_NOT_POSITIVE", "the bad ttl got reason '{}'",
       written.items(2).status().reason());
  TRY(MustHold(run, run.Key("good"), "v"));
  TRY(MustHold(run, run.Key("also-good"), "v"));
  return MustBeAbsent(run, run.Key("ttl"));
}

Status SizeLimits(Run& run) {
  kv::BatchGetRequest get;
  TRY(MustFail(run.Call(get), Code::kInvalidArgument, "BATCH_EMPTY"));
  for (int i = 0; i < 1000; ++i) get.add_keys(run.Key(fmt::format("k{}", i)));
  TRY_ASSIGN(const auto thousand, run.Call(get));
  MUST(thousand.items_size() == 1000, "{} outcomes for 1000 keys", thousand.items_size());
  get.add_keys(run.Key("one more"));
  TRY(MustFail(run.Call(get), Code::kInvalidArgument, "BATCH_TOO_LARGE"));
  kv::BatchSetRequest set;
  for (int i = 0; i < 1001; ++i) set.add_items()->set_key(run.Key(fmt::format("k{}", i)));
  TRY(MustFail(run.Call(set), Code::kInvalidArgument, "BATCH_TOO_LARGE"));
  return MustBeAbsent(run, run.Key("k0"));
}

// A reply above the message limit is refused and names the streaming method.
Status RepliesHaveALimit(Run& run) {
  const std::string half(3u << 20, 'x');
  TRY(Set(run, run.Key("a"), half));
  TRY(Set(run, run.Key("b"), half));
  kv::BatchGetRequest get;
  get.add_keys(run.Key("a"));
  TRY(run.Call(get));
  get.add_keys(run.Key("b"));
  const auto both = run.Call(get);
  TRY(MustFail(both, Code::kResourceExhausted, "RESPONSE_TOO_LARGE"));
  MUST(both.error().message().find("Scan") != std::string::npos,
       "the error does not name the streaming method: {}", both.error().message());
  return {};
}

Status LastOfEqualKeysWins(Run& run) {
  kv::BatchSetRequest set;
  for (int i = 0; i < 10; ++i) {
    auto* item = set.add_items();
    item->set_key(run.Key("k"));
    item->set_value(std::to_string(i));
  }
  TRY(run.Call(set));
  return MustHold(run, run.Key("k"), "9");
}

Status BatchReplays(Run& run) {
  kv::BatchDeleteRequest remove;
  remove.add_keys(run.Key("k"));
  remove.set_request_id(run.Key("id"));
  TRY(Set(run, run.Key("k"), "v"));
  TRY_ASSIGN(const auto first, run.Call(remove));
  TRY(Set(run, run.Key("k"), "again"));
  TRY_ASSIGN(const auto replay, run.Call(remove));
  MUST(first.items(0).existed() && replay.items(0).existed(), "the replay answers differently");
  return MustHold(run, run.Key("k"), "again");
}

constexpr Case kCases[] = {
    {"DS-11", "keyvalue_batch",
     "items are answered in order, missing ones as answers (DS-09, DS-10)", SetAndGetMany},
    {"DS-12", "keyvalue_batch", "BatchDelete tells of each key whether it existed", DeleteMany},
    {"DS-21", "keyvalue_batch", "a bad item fails alone", BadItemsFailAlone},
    {"KV-BATCH-01", "keyvalue_batch", "1 to 1000 items", SizeLimits},
    {"KV-BATCH-02", "keyvalue_batch", "a reply above the message limit is refused",
     RepliesHaveALimit},
    {"KV-BATCH-03", "keyvalue_batch", "items apply in request order", LastOfEqualKeysWins},
    {"KV-BATCH-04", "keyvalue_batch", "a request id replays the first answer", BatchReplays},
};

}  // namespace

std::span<const Case> KeyValueBatchCases() { return kCases; }

}  // namespace prism::conformance
