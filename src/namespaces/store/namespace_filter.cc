#include "namespaces/store/namespace_filter.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "namespaces/store/comparable.h"

namespace prism::namespaces {

namespace {

// Indexes of NamespaceFilterSchema.
enum Field : std::uint8_t {
  kName,
  kBackend,
  kPattern,
  kStatus,
  kConsistency,
  kOwner,
  kTags,
  kFeatures,
  kCacheTtl,
  kRateLimit,
  kRevision,
  kCreatedBy,
  kCreatedAt,
  kUpdatedAt,
  kFirstComparable,
};

std::string_view FlagText(bool on) { return on ? "true" : "false"; }

std::int64_t Whole(std::uint64_t number) { return static_cast<std::int64_t>(number); }

}  // namespace

filter::Schema NamespaceFilterSchema() {
  using filter::Type;
  std::vector<filter::Field> fields = {
      {.name = "name", .column = "name", .searched = true},
      {.name = "backend", .column = "backend"},
      {.name = "pattern", .column = "pattern"},
      {.name = "status",
       .type = Type::kEnum,
       .column = "status",
       .names = {"active", "disabled", "migrating"}},
      {.name = "consistency",
       .type = Type::kEnum,
       .column = "consistency",
       .names = {"strong", "causal", "eventual"}},
      {.name = "owner", .column = "coalesce(owner, '')"},
      {.name = "tags", .type = Type::kStringList, .column = "tags", .searched = true},
      {.name = "features",
       .type = Type::kStringMap,
       .column = "(SELECT json_group_object(feature_name, iif(enabled, 'true', 'false')) "
                 "FROM namespace_features WHERE namespace_id = namespaces.id)"},
      {.name = "cache_ttl_seconds",
       .type = Type::kInt64,
       .column = "coalesce(cache_ttl_seconds, 0)"},
      {.name = "rate_limit_rps", .type = Type::kInt64, .column = "coalesce(rate_limit_rps, 0)"},
      {.name = "revision", .type = Type::kInt64, .column = "revision"},
      {.name = "created_by", .column = "coalesce(created_by, '')"},
      {.name = "created_at", .type = filter::Type::kTimestamp, .column = "created_at"},
      {.name = "updated_at", .type = filter::Type::kTimestamp, .column = "updated_at"},
  };
  std::ranges::move(ComparableFields(fields), std::back_inserter(fields));
  return filter::Schema(std::move(fields));
}

filter::Schema BackendFilterSchema() {
  return filter::Schema({
      {.name = "name", .column = "name", .searched = true},
      {.name = "type", .column = "type"},
      {.name = "revision", .type = filter::Type::kInt64, .column = "revision"},
      {.name = "created_by", .column = "coalesce(created_by, '')"},
      {.name = "created_at", .type = filter::Type::kTimestamp, .column = "created_at"},
      {.name = "updated_at", .type = filter::Type::kTimestamp, .column = "updated_at"},
  });
}

filter::Value FilteredNamespace::At(std::size_t field) const {
  const NamespaceConfig& config = found_.record.config;
  switch (field) {
    case kName:
      return config.name;
    case kBackend:
      return found_.type;
    case kPattern:
      return config.pattern;
    case kStatus:
      return NamespaceStatusName(config.status);
    case kConsistency:
      return ConsistencyName(config.consistency);
    case kOwner:
      return config.owner;
    case kCacheTtl:
      return Whole(config.cache_ttl_seconds);
    case kRateLimit:
      return Whole(config.rate_limit_rps);
    case kRevision:
      return found_.record.revision;
    case kCreatedBy:
      return found_.record.created_by;
    case kCreatedAt:
      return filter::Instant{.seconds = found_.record.created_at};
    case kUpdatedAt:
      return filter::Instant{.seconds = found_.record.updated_at};
    default:
      if (field < kFirstComparable) return std::monostate();
      return Comparable(config.needs, config.shadow, field - kFirstComparable);
  }
}

bool FilteredNamespace::Any(std::size_t field, const Visit& visit) const {
  const NamespaceConfig& config = found_.record.config;
  if (field == kTags) {
    return std::ranges::any_of(config.tags, [&](const std::string& tag) { return visit(tag, {}); });
  }
  if (field == kFeatures) {
    return std::ranges::any_of(config.features, [&](const auto& feature) {
      return visit(feature.first, FlagText(feature.second));
    });
  }
  return false;
}

}  // namespace prism::namespaces
