#include "gateway/admin/field_mask.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/field_mask_util.h>

#include <vector>

#include "base/strings.h"

namespace prism::gateway {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;

constexpr std::string_view kPlace = "update_mask";

std::vector<std::string> Settings(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->number() < kFirstOutputOnly) names.push_back(type.field(i)->name());
  }
  return names;
}

Result<const FieldDescriptor*> Find(const Descriptor& type, const std::string& name,
                                    std::string_view path) {
  const FieldDescriptor* field = type.FindFieldByName(name);
  if (field == nullptr) {
    return std::unexpected(UnknownField(std::string(kPlace), path, type.name(), Settings(type)));
  }
  return field;
}

// The name of the setting that the path is, or is in.
Result<std::string> Check(const Descriptor& type, const std::string& path) {
  const std::size_t dot = path.find('.');
  TRY_ASSIGN(const FieldDescriptor* field, Find(type, path.substr(0, dot), path));
  if (field->number() >= kFirstOutputOnly) {
    return std::unexpected(InvalidField("FIELD_READ_ONLY", std::string(kPlace),
                                        fmt::format("{} is set by the server alone", path)));
  }
  if (dot == std::string::npos) return field->name();
  // Only lists inside of a message can be named one by one.
  const bool inside = field->message_type() != nullptr && !field->is_repeated() &&
                      field->message_type()->file() == type.file();
  if (!inside) {
    return std::unexpected(UnknownField(std::string(kPlace), path, type.name(), Settings(type)));
  }
  TRY(Find(*field->message_type(), path.substr(dot + 1), path));
  return field->name();
}

FieldMask MaskOf(const std::vector<std::string>& paths) {
  FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  return mask;
}

// What is set in it.
FieldMask Implied(const Message& from) {
  std::vector<const FieldDescriptor*> set;
  from.GetReflection()->ListFields(from, &set);
  FieldMask mask;
  for (const FieldDescriptor* field : set) {
    if (field->number() < kFirstOutputOnly) mask.add_paths(field->name());
  }
  return mask;
}

}  // namespace

Error UnknownField(std::string field, std::string_view name, std::string_view what,
                   std::span<const std::string> known) {
  const auto nearest = base::NearestMatch(name, known);
  return InvalidField("FIELD_UNKNOWN", std::move(field),
                      fmt::format("{} has no field \"{}\": {}", what, name.substr(0, 100),
                                  nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                                          : fmt::format("known are {}", fmt::join(known, ", "))));
}

Result<std::set<std::string>> ApplyMask(const FieldMask& mask, const Message& from, Message& into) {
  const Descriptor& type = *from.GetDescriptor();
  FieldMask named = mask;
  if (mask.paths_size() == 0) named = Implied(from);
  if (mask.paths_size() == 1 && mask.paths(0) == "*") named = MaskOf(Settings(type));
  std::set<std::string> names;
  for (const std::string& path : named.paths()) {
    TRY_ASSIGN(std::string name, Check(type, path));
    names.insert(std::move(name));
  }
  google::protobuf::util::FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  google::protobuf::util::FieldMaskUtil::MergeMessageTo(from, named, options, &into);
  return names;
}

}  // namespace prism::gateway
