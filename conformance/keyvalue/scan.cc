#include <algorithm>
#include <atomic>
#include <set>
#include <vector>

#include "conformance/case.h"
#include "conformance/keyvalue/helpers.h"

namespace prism::conformance {
namespace {

// What one Scan gave.
struct Scanned {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  std::vector<std::string> checkpoints;
  std::size_t longest_gap = 0;  // entries between two checkpoints
};

struct ScanOptions {
  std::int64_t limit = 0;
  std::string page_token = {};
  bool keys_only = false;
};

Result<Scanned> Scan(Run& run, const std::string& prefix, const ScanOptions& options = {}) {
  kv::ScanRequest request;
  request.set_prefix(prefix);
  request.set_limit(options.limit);
  request.set_page_token(options.page_token);
  request.set_keys_only(options.keys_only);
  Scanned scanned;
  std::size_t gap = 0;
  TRY(run.Stream(request, [&](const kv::ScanResponse& message) -> Status {
    if (message.has_checkpoint()) {
      scanned.checkpoints.push_back(message.checkpoint().page_token());
      gap = 0;
      return {};
    }
    MUST(message.has_entry(), "a message is neither entry nor checkpoint");
    scanned.keys.push_back(message.entry().key());
    scanned.values.push_back(message.entry().value());
    scanned.longest_gap = std::max(scanned.longest_gap, ++gap);
    MUST(scanned.checkpoints.empty() || !scanned.checkpoints.back().empty(),
         "an entry follows the last checkpoint");
    return {};
  }));
  MUST(!scanned.checkpoints.empty() && gap == 0, "the scan does not end with a checkpoint");
  return scanned;
}

Result<std::int64_t> Count(Run& run, const std::string& prefix) {
  kv::CountRequest request;
  request.set_prefix(prefix);
  TRY_ASSIGN(const auto response, run.Call(request));
  return response.count();
}

Result<std::int64_t> DeletePrefix(Run& run, const std::string& prefix) {
  kv::DeletePrefixRequest request;
  request.set_prefix(prefix);
  TRY_ASSIGN(const auto response, run.Call(request));
  return response.deleted();
}

Status Fill(Run& run, std::string_view name, int from, int count) {
  for (int first = from; first < from + count; first += 500) {
    kv::BatchSetRequest set;
    for (int i = first; i < std::min(first + 500, from + count); ++i) {
      auto* item = set.add_items();
      item->set_key(run.Key(fmt::format("{}{:05}", name, i)));
      item->set_value(fmt::format("value {}", i));
    }
    TRY(run.Call(set));
  }
  return {};
}

Status PrefixInByteOrder(Run& run) {
  std::vector<std::string> names = {"p/a",      "p/B",      "p/",        "p/a/b",
                                    "p/\x01",   "p/\u00e9", "p/e\u0301", "p/\U0001F600",
                                    "p/\uffee", "p/%",      "p/a b"};
  for (const auto& name : names) TRY(Set(run, run.Key(name), name));
  for (const std::string_view other : {"p", "q/a", "o/a", "p0"})
    TRY(Set(run, run.Key(other), "other"));
  TRY_ASSIGN(const Scanned got, Scan(run, run.Key("p/")));
  std::vector<std::string> wanted;
  for (const auto& name : names) wanted.push_back(run.Key(name));
  std::sort(wanted.begin(), wanted.end());
  MUST(got.keys == wanted,
       "{} keys came back, or in another order than that of their bytes; wanted {}",
       got.keys.size(), wanted.size());
  for (std::size_t i = 0; i < got.keys.size(); ++i) {
    MUST(run.Key(got.values[i]) == got.keys[i], "key {} came with the value of another",
         got.keys[i]);
  }
  TRY_ASSIGN(const std::int64_t count, Count(run, run.Key("p/")));
  MUST(count == static_cast<std::int64_t>(wanted.size()), "Count says {}, Scan found {}", count,
       wanted.size());
  return {};
}

// DS-42: more than a thousand keys in one answer, with a checkpoint at least every 1000 entries.
Status CheckpointsAtLeastEveryThousand(Run& run) {
  TRY(Fill(run, "k", 0, 2'500));
  TRY_ASSIGN(const Scanned all, Scan(run, run.Key("k")));
  MUST(all.keys.size() == 2'500, "{} of 2500 keys", all.keys.size());
  MUST(all.longest_gap <= 1'000, "{} entries without a checkpoint", all.longest_gap);
  MUST(all.checkpoints.back().empty(), "the last checkpoint of a complete scan is not empty");
  return {};
}

// DS-41: pages of changing size add up to everything, once.
Status PagesAddUp(Run& run) {
  TRY(Fill(run, "k", 0, 12));
  std::vector<std::string> seen;
  std::string token;
  for (const std::int64_t limit : {6, 5, 4}) {
    TRY_ASSIGN(const Scanned page, Scan(run, run.Key("k"), {.limit = limit, .page_token = token}));
    MUST(static_cast<std::int64_t>(page.keys.size()) <= limit, "{} entries in a page of {}",
         page.keys.size(), limit);
    seen.insert(seen.end(), page.keys.begin(), page.keys.end());
    token = page.checkpoints.back();
  }
  MUST(token.empty(), "there is still a token after the last page");
  MUST(seen.size() == 12 && std::is_sorted(seen.begin(), seen.end()) &&
           std::set<std::string>(seen.begin(), seen.end()).size() == 12,
       "{} keys in three pages", seen.size());
  return {};
}

Status TokensAreBoundToTheirQuery(Run& run) {
  TRY(Fill(run, "k", 0, 4));
  TRY_ASSIGN(const Scanned page, Scan(run, run.Key("k"), {.limit = 2}));
  const std::string token = page.checkpoints.back();
  MUST(!token.empty(), "no token after 2 of 4 entries");
  TRY(MustFail(Scan(run, run.Key(""), {.page_token = token}), Code::kInvalidArgument,
               "PAGE_TOKEN_MISMATCH"));
  for (std::size_t i = 0; i < token.size(); i += 5) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    TRY(MustFail(Scan(run, run.Key("k"), {.page_token = forged}), Code::kInvalidArgument,
                 "PAGE_TOKEN_MISMATCH"));
  }
  TRY(MustFail(Scan(run, run.Key("k"), {.page_token = "x"}), Code::kInvalidArgument,
               "PAGE_TOKEN_MISMATCH"));
  kv::ScanKeysRequest keys;
  keys.set_prefix(run.Key("k"));
  keys.set_page_token(token);
  const auto other_method =
      run.Stream(keys, [](const kv::ScanKeysResponse&) -> Status { return {}; });
  return MustFail(other_method, Code::kInvalidArgument, "PAGE_TOKEN_MISMATCH");
}

// DS-44: keys deleted and added between two pages; what stayed is seen exactly once.
Status PagesUnderChange(Run& run) {
  TRY(Fill(run, "k", 0, 8));
  TRY_ASSIGN(const Scanned first, Scan(run, run.Key("k"), {.limit = 3}));
  TRY(Delete(run, run.Key("k00001")));
  TRY(Delete(run, run.Key("k00004")));
  TRY(Set(run, run.Key("k00000b"), "behind"));
  TRY(Set(run, run.Key("k00006b"), "ahead"));
  TRY_ASSIGN(const Scanned rest, Scan(run, run.Key("k"), {.page_token = first.checkpoints.back()}));
  std::vector<std::string> wanted;
  for (const std::string_view name : {"k00003", "k00005", "k00006", "k00006b", "k00007"})
    wanted.push_back(run.Key(name));
  MUST(rest.keys == wanted, "the second page has {} keys instead of {}", rest.keys.size(),
       wanted.size());
  return {};
}

// while writers come and go, a key that stays is seen exactly once, in order, by every scan.
Status StableKeysAreSeenOnceUnderWrites(Run& run) {
  TRY(Fill(run, "stable", 0, 300));
  std::atomic<bool> stop = false;
  return run.Parallel(4, [&stop](Run& own, int index) -> Status {
    if (index > 0) {
      for (int i = 0; !stop; ++i) {
        const std::string key = own.Key(fmt::format("stable{:05}-{}", (i * 37) % 300, index));
        TRY(Set(own, key, "churn"));
        TRY(Delete(own, key));
      }
      return {};
    }
    Status outcome;
    for (int round = 0; round < 10 && outcome; ++round) {
      outcome = [&]() -> Status {
        TRY_ASSIGN(const Scanned got, Scan(own, own.Key("stable")));
        MUST(std::is_sorted(got.keys.begin(), got.keys.end()), "the keys are not in order");
        MUST(std::adjacent_find(got.keys.begin(), got.keys.end()) == got.keys.end(),
             "a key came twice");
        const auto stable =
            std::count_if(got.keys.begin(), got.keys.end(), [](const std::string& k) {
              return !k.ends_with("-1") && !k.ends_with("-2") && !k.ends_with("-3");
            });
        MUST(stable == 300, "{} of 300 stable keys", stable);
        return {};
      }();
    }
    stop = true;
    return outcome;
  });
}

Status KeysOnlyAndScanKeys(Run& run) {
  TRY(Fill(run, "k", 0, 5));
  TRY_ASSIGN(const Scanned bare, Scan(run, run.Key("k"), {.keys_only = true}));
  MUST(bare.keys.size() == 5, "{} of 5 keys", bare.keys.size());
  for (const auto& value : bare.values) MUST(value.empty(), "keys_only came with a value");
  kv::ScanKeysRequest request;
  request.set_prefix(run.Key("k"));
  std::vector<std::string> keys;
  bool ended = false;
  TRY(run.Stream(request, [&](const kv::ScanKeysResponse& message) -> Status {
    if (message.has_checkpoint()) {
      ended = message.checkpoint().page_token().empty();
    } else {
      keys.push_back(message.key());
    }
    return {};
  }));
  MUST(keys == bare.keys && ended, "ScanKeys and Scan disagree");
  return {};
}

// DS-45.
Status ExpiredKeysAreNotListed(Run& run) {
  TRY(Set(run, run.Key("k1"), "v"));
  TRY(SetFor(run, run.Key("k2"), "v", std::chrono::milliseconds(50)));
  TRY(Eventually(std::chrono::milliseconds(3'000), "the key expires", [&]() -> Result<bool> {
    TRY_ASSIGN(const bool there, Exists(run, run.Key("k2")));
    return !there;
  }));
  TRY_ASSIGN(const Scanned got, Scan(run, run.Key("k")));
  MUST(got.keys.size() == 1, "{} keys listed, one is live", got.keys.size());
  TRY_ASSIGN(const std::int64_t count, Count(run, run.Key("k")));
  MUST(count == 1, "Count counts {} keys, one is live", count);
  TRY_ASSIGN(const std::int64_t deleted, DeletePrefix(run, run.Key("k")));
  MUST(deleted == 1, "DeletePrefix deleted {} keys, one was live", deleted);
  return {};
}

// DS-35 and DS-37.
Status DeletePrefixRemovesExactlyThePrefix(Run& run) {
  for (const std::string_view name : {"p||k1", "p||k2", "p", "other||p||k3", "p|k4", "q"})
    TRY(Set(run, run.Key(name), "v"));
  TRY_ASSIGN(const std::int64_t deleted, DeletePrefix(run, run.Key("p||")));
  MUST(deleted == 2, "{} keys deleted instead of 2", deleted);
  for (const std::string_view name : {"p", "other||p||k3", "p|k4", "q"})
    TRY(MustHold(run, run.Key(name), "v"));
  TRY_ASSIGN(const std::int64_t nothing, DeletePrefix(run, run.Key("p||")));
  MUST(nothing == 0, "{} keys deleted where none was", nothing);
  return MustFail(DeletePrefix(run, ""), Code::kInvalidArgument, "PREFIX_REQUIRED");
}

Status BadArgumentsAreRefused(Run& run) {
  TRY(MustFail(Scan(run, run.Key(""), {.limit = -1}), Code::kInvalidArgument, "LIMIT_NEGATIVE"));
  TRY(MustFail(Count(run, std::string(1025, 'p')), Code::kInvalidArgument, "PREFIX_TOO_LONG"));
  TRY_ASSIGN(const Scanned empty, Scan(run, run.Key("nothing here")));
  MUST(empty.keys.empty() && empty.checkpoints.size() == 1 && empty.checkpoints[0].empty(),
       "an empty scan is not one empty checkpoint");
  return {};
}

constexpr Case kCases[] = {
    {"DS-39", "keyvalue_scan",
     "Scan returns the keys of the prefix, in byte order, with their values", PrefixInByteOrder},
    {"DS-42", "keyvalue_scan", "long scans have a checkpoint at least every 1000 entries",
     CheckpointsAtLeastEveryThousand},
    {"DS-41", "keyvalue_scan", "pages of changing size add up", PagesAddUp},
    {"KV-SCAN-01", "keyvalue_scan", "page tokens are bound to their query and can't be forged",
     TokensAreBoundToTheirQuery},
    {"DS-44", "keyvalue_scan", "what changes between pages does not disturb what stays",
     PagesUnderChange},
    {"X-10", "keyvalue_scan", "a key that stays is seen exactly once while others come and go",
     StableKeysAreSeenOnceUnderWrites},
    {"KV-SCAN-02", "keyvalue_scan", "keys_only and ScanKeys list the same keys",
     KeysOnlyAndScanKeys},
    {"DS-45", "keyvalue_scan", "expired keys are neither listed, counted nor deleted",
     ExpiredKeysAreNotListed},
    {"DS-35", "keyvalue_scan",
     "DeletePrefix removes exactly the prefix; an empty one is refused (DS-37)",
     DeletePrefixRemovesExactlyThePrefix},
    {"KV-SCAN-03", "keyvalue_scan",
     "bad limits and prefixes are refused; nothing found is an empty scan", BadArgumentsAreRefused},
};

}  // namespace

std::span<const Case> KeyValueScanCases() { return kCases; }

}  // namespace prism::conformance
