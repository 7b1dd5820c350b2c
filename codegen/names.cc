#include "codegen/names.h"

#include <google/protobuf/compiler/cpp/names.h>

#include <algorithm>

namespace prism::codegen {

namespace pb = google::protobuf;

namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with(' ')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// Values of an enum are no declarations with a file() of their own in protobuf 3.21.
const pb::FileDescriptor& FileOf(const pb::EnumValueDescriptor& value) {
  return *value.type()->file();
}
template <class Descriptor>
const pb::FileDescriptor& FileOf(const Descriptor& descriptor) {
  return *descriptor.file();
}

}  // namespace

std::string ToSnake(std::string_view pascal) {
  std::string snake;
  for (std::size_t i = 0; i < pascal.size(); ++i) {
    const bool after_word = i > 0 && IsLowerOrDigit(pascal[i - 1]);
    const bool before_word =
        i > 0 && i + 1 < pascal.size() && IsUpper(pascal[i - 1]) && IsLowerOrDigit(pascal[i + 1]);
    if (IsUpper(pascal[i]) && (after_word || before_word)) snake += '_';
    snake += Lower(pascal[i]);
  }
  return snake;
}

std::string ModelOf(const pb::FileDescriptor& file) {
  std::string_view package = file.package();
  const std::size_t first = package.find('.');
  if (first == std::string_view::npos) return std::string();
  package.remove_prefix(first + 1);
  return std::string(package.substr(0, package.find('.')));
}

bool IsPrism(const pb::FileDescriptor& file) { return file.package().starts_with("prism."); }

std::string InterfaceId(const pb::ServiceDescriptor& service) {
  return service.options().GetExtension(contract::v1::interface);
}

bool IsAdmin(const google::protobuf::FileDescriptor& file) {
  return file.package().rfind("prism.admin.", 0) == 0;
}

std::string ExpectedInterfaceId(const pb::ServiceDescriptor& service) {
  const std::string model = ModelOf(*service.file());
  const std::string& name = service.name();
  if (name.size() <= model.size()) return std::string();
  if (!std::equal(model.begin(), model.end(), name.begin(),
                  [](char a, char b) { return a == Lower(b); })) {
    return std::string();
  }
  return model + "_" + ToSnake(std::string_view(name).substr(model.size()));
}

contract::v1::MethodTraits TraitsOf(const pb::MethodDescriptor& method) {
  if (method.options().HasExtension(contract::v1::traits)) {
    return method.options().GetExtension(contract::v1::traits);
  }
  contract::v1::MethodTraits traits;
  traits.set_access(contract::v1::READ);
  traits.set_retry(contract::v1::NEVER);
  return traits;
}

std::string LabelOf(const pb::MethodDescriptor& method) {
  const pb::ServiceDescriptor& service = *method.service();
  std::string label = InterfaceId(service);
  if (label.empty()) label = service.file()->package() + "." + ToSnake(service.name());
  return label + "." + ToSnake(method.name());
}

std::string CppNamespace(const pb::FileDescriptor& file) {
  std::string name = "::";
  for (const char c : file.package()) {
    if (c == '.') {
      name += "::";
    } else {
      name += c;
    }
  }
  return name;
}

std::string CppClass(const pb::Descriptor& message, const pb::FileDescriptor& scope) {
  if (message.file()->package() == scope.package()) return pb::compiler::cpp::ClassName(&message);
  return pb::compiler::cpp::QualifiedClassName(&message);
}

std::string WithoutSuffix(const pb::FileDescriptor& file) {
  return pb::compiler::cpp::StripProto(file.name());
}

template <class Descriptor>
std::vector<std::string> CommentOf(const Descriptor& descriptor) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return {};
  if (!location.leading_comments.empty()) return Lines(location.leading_comments);
  return Lines(location.trailing_comments);
}

std::vector<std::string> CommentOfFile(const pb::FileDescriptor& file) {
  pb::SourceLocation location;
  const std::vector<int> syntax = {pb::FileDescriptorProto::kSyntaxFieldNumber};
  if (!file.GetSourceLocation(syntax, &location)) return {};
  return Lines(location.leading_comments);
}

template <class Descriptor>
std::string PositionOf(const Descriptor& descriptor) {
  std::string position = FileOf(descriptor).name();
  pb::SourceLocation location;
  if (descriptor.GetSourceLocation(&location)) {
    position += ":" + std::to_string(location.start_line + 1) + ":" +
                std::to_string(location.start_column + 1);
  }
  return position;
}

template std::vector<std::string> CommentOf(const pb::ServiceDescriptor&);
template std::vector<std::string> CommentOf(const pb::MethodDescriptor&);
template std::vector<std::string> CommentOf(const pb::Descriptor&);
template std::vector<std::string> CommentOf(const pb::FieldDescriptor&);
template std::vector<std::string> CommentOf(const pb::EnumDescriptor&);
template std::vector<std::string> CommentOf(const pb::EnumValueDescriptor&);
template std::string PositionOf(const pb::ServiceDescriptor&);
template std::string PositionOf(const pb::MethodDescriptor&);
template std::string PositionOf(const pb::Descriptor&);
template std::string PositionOf(const pb::FieldDescriptor&);
template std::string PositionOf(const pb::EnumDescriptor&);
template std::string PositionOf(const pb::EnumValueDescriptor&);

}  // namespace prism::codegen
