#include "gateway/rest/conditions.h"

#include <algorithm>

#include "gateway/rest/escaped_text.h"

namespace prism::gateway {

namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view SkipBlanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

Error Malformed(std::string_view name) {
  return InvalidField("ETAG_MALFORMED", std::string(name),
                      "is neither * nor a list of ETags: send the ETag back as it came, with its "
                      "double quotes");
}

Error Unsupported(std::string_view name, std::string_view advice) {
  return Error(Code::kUnimplemented, "CONDITION_UNSUPPORTED",
               "this condition can't be held atomically: " + std::string(advice))
      .WithField(std::string(name), std::string(advice));
}

// etagc of RFC 9110 section 8.8.3.
bool IsTagChar(char c) { return static_cast<unsigned char>(c) > ' ' && c != '"' && c != 0x7f; }

// Appends the tags of one line. False: it is no list.
bool ParseLine(std::string_view line, EntityTagList& list) {
  for (line = SkipBlanks(line); !line.empty(); line = SkipBlanks(line)) {
    if (line.starts_with(',')) {  // elements may be empty (RFC 9110 section 5.6.1.2)
      line.remove_prefix(1);
      continue;
    }
    EntityTag tag;
    if (line.starts_with('*')) {
      list.any = true;
      line.remove_prefix(1);
    } else {
      tag.weak = line.starts_with("W/");
      if (tag.weak) line.remove_prefix(2);
      if (!line.starts_with('"')) return false;
      const std::size_t end = line.find('"', 1);
      if (end == std::string_view::npos) return false;
      tag.text = line.substr(1, end - 1);
      if (!std::ranges::all_of(tag.text, IsTagChar)) return false;
      list.tags.push_back(tag);
      line.remove_prefix(end + 1);
    }
    line = SkipBlanks(line);
    if (!line.empty() && !line.starts_with(',')) return false;
  }
  return true;
}

bool Matches(const EntityTagList& list, std::string_view version, bool weakly) {
  if (list.any) return true;
  const std::string text = EncodeText(version);
  return std::ranges::any_of(
      list.tags, [&](const EntityTag& tag) { return (weakly || !tag.weak) && tag.text == text; });
}

}  // namespace

std::string MakeETag(std::string_view version) { return '"' + EncodeText(version) + '"'; }

bool EntityTagList::MatchesStrongly(std::string_view version) const {
  return Matches(*this, version, false);
}

bool EntityTagList::MatchesWeakly(std::string_view version) const {
  return Matches(*this, version, true);
}

Result<std::optional<EntityTagList>> ParseEntityTags(const rpc::RequestHeaders& headers,
                                                     std::string_view name) {
  EntityTagList list;
  bool given = false;
  bool well_formed = true;
  headers.ForEach(name, [&](std::string_view line) {
    given = true;
    well_formed = well_formed && ParseLine(line, list);
  });
  if (!given) return std::nullopt;
  // "*" stands alone.
  if (!well_formed || list.any == !list.tags.empty()) return std::unexpected(Malformed(name));
  return list;
}

Result<WriteCondition> ParseWriteCondition(const rpc::RequestHeaders& headers) {
  TRY_ASSIGN(const auto match, ParseEntityTags(headers, "if-match"));
  TRY_ASSIGN(const auto none_match, ParseEntityTags(headers, "if-none-match"));
  if (match && none_match) {
    return std::unexpected(
        Unsupported("if-none-match", "send If-Match or If-None-Match, not both"));
  }
  if (none_match) {
    if (none_match->any) return WriteCondition{WriteCondition::Kind::kAbsent, {}};
    return std::unexpected(
        Unsupported("if-none-match",
                    "If-None-Match of a write must be *; to replace a version, send If-Match"));
  }
  if (!match) return WriteCondition{};
  if (match->any || match->tags.size() > 1) {
    return std::unexpected(
        Unsupported("if-match", "If-Match of a write must name one ETag, the one that was read"));
  }
  const EntityTag& tag = match->tags.front();
  if (tag.weak || tag.text.empty()) {
    return std::unexpected(
        Error(Code::kAborted, "VERSION_MISMATCH",
              "If-Match compares strongly: a weak or empty ETag never matches (RFC 9110 section "
              "13.1.1), send the one that was read; nothing was done"));
  }
  TRY_ASSIGN(std::string version, DecodeText(tag.text, TextPlace::kHeader, "if-match"));
  return WriteCondition{WriteCondition::Kind::kVersion, std::move(version)};
}

Error VersionMismatch(std::string_view current_version) {
  Error error(Code::kAborted, "VERSION_MISMATCH",
              current_version.empty()
                  ? "the condition does not hold, for the key is not there: nothing was done"
                  : "the condition does not hold: nothing was done; the ETag of this answer is the "
                    "version that is there, read the key again");
  if (current_version.empty()) return error;
  return std::move(error).With("version", std::string(current_version));
}

}  // namespace prism::gateway
