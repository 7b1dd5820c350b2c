#include "gateway/rest/keyvalue_target.h"

#include <array>
#include <charconv>

#include "base/base64.h"
#include "base/utf8.h"
#include "gateway/rest/escaped_text.h"
#include "gateway/rest/target.h"

namespace prism::gateway {

namespace {

constexpr std::array kParameters = {
    KnownParameter{"key"},
    KnownParameter{.name = "key_b64", .is_code = true},
    KnownParameter{"prefix"},
    KnownParameter{"limit"},
    KnownParameter{.name = "page_token", .is_code = true},
    KnownParameter{"keys_only"},
};
constexpr std::array<std::string_view, 4> kOfLists = {"prefix", "limit", "page_token", "keys_only"};

Result<std::string> KeyOfPath(std::string_view name) {
  TRY_ASSIGN(std::string key, DecodeText(name, TextPlace::kPath, "key"));
  if (name.contains('/') || key == "." || key == "..") {
    return std::unexpected(InvalidField(
        "KEY_PATH_AMBIGUOUS", "key",
        "is a path of its own, and programs on the way may rewrite paths: write / as %2F, or name "
        "the key in the query, as ?key=a/b"));
  }
  return key;
}

Result<std::string> KeyOfBase64(std::string_view text) {
  auto key = base::Base64DecodeEither(text);
  if (!key) {
    return std::unexpected(InvalidField("KEY_B64_MALFORMED", "key_b64",
                                        "is no base64: use RFC 4648, with or without padding"));
  }
  if (!base::IsValidUtf8(*key)) {
    return std::unexpected(
        InvalidField("MALFORMED_MESSAGE", "key_b64", "is not UTF-8 once decoded: keys are text"));
  }
  return *std::move(key);
}

// Nothing: none is named.
Result<std::optional<std::string>> KeyOf(const Target& target, const Query& query) {
  const std::string* plain = query.Find("key");
  const std::string* base64 = query.Find("key_b64");
  const int named =
      (target.name ? 1 : 0) + (plain != nullptr ? 1 : 0) + (base64 != nullptr ? 1 : 0);
  if (named > 1) {
    return std::unexpected(InvalidField(
        "KEY_REPEATED", "key", "is named more than once: in the path, as key, or as key_b64"));
  }
  if (target.name) return KeyOfPath(*target.name);
  if (plain != nullptr) return *plain;
  if (base64 != nullptr) return KeyOfBase64(*base64);
  return std::nullopt;
}

Status ParseLimit(const std::string& text, std::int64_t& limit) {
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, limit);
  if (failure == std::errc() && stop == end) return {};
  return std::unexpected(
      InvalidField("LIMIT_MALFORMED", "limit", "is no number that fits into 64 bits"));
}

Status ParseBool(const std::string& text, bool& value) {
  value = text == "true";
  if (value || text == "false") return {};
  return std::unexpected(InvalidField("KEYS_ONLY_MALFORMED", "keys_only", "must be true or false"));
}

Result<KeyValueList> ListOf(const Query& query) {
  KeyValueList list;
  if (const auto* text = query.Find("prefix")) list.prefix = *text;
  if (const auto* text = query.Find("page_token")) list.page_token = *text;
  if (const auto* text = query.Find("limit")) TRY(ParseLimit(*text, list.limit));
  if (const auto* text = query.Find("keys_only")) TRY(ParseBool(*text, list.keys_only));
  return list;
}

}  // namespace

Result<KeyValueTarget> ParseKeyValueTarget(std::string_view text) {
  const Target target = SplitTarget(text).value_or(Target{});
  KeyValueTarget parsed;
  TRY_ASSIGN(parsed.ns, DecodeText(target.ns, TextPlace::kPath, "namespace"));
  TRY_ASSIGN(const Query query, Query::Parse(target.query, kParameters));
  TRY_ASSIGN(parsed.key, KeyOf(target, query));
  if (!parsed.key) {
    TRY_ASSIGN(parsed.list, ListOf(query));
    return parsed;
  }
  for (const std::string_view name : kOfLists) {
    if (query.Find(name) != nullptr) {
      return std::unexpected(InvalidField("PARAMETER_MISPLACED", std::string(name),
                                          "is for lists, and this request names one key"));
    }
  }
  return parsed;
}

}  // namespace prism::gateway
