// protoc-gen-prism-reference: the reference in docs/. One page for each file of prism.* with
// services, an index, retry.json, and an OpenAPI file for each port.

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>

#include <map>
#include <string>
#include <vector>

#include "codegen/check.h"
#include "codegen/names.h"
#include "codegen/openapi_writer.h"
#include "codegen/output_file.h"
#include "codegen/reference_writer.h"

namespace prism::codegen {
namespace {

namespace pb = google::protobuf;

class Plugin final : public pb::compiler::CodeGenerator {
 public:
  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
  bool HasGenerateAll() const override { return true; }

  bool Generate(const pb::FileDescriptor* file, const std::string& parameter,
                pb::compiler::GeneratorContext* context, std::string* error) const override {
    return GenerateAll({file}, parameter, context, error);
  }

  bool GenerateAll(const std::vector<const pb::FileDescriptor*>& files, const std::string&,
                   pb::compiler::GeneratorContext* context, std::string* error) const override {
    for (const std::string& complaint : CheckContract(files)) *error += complaint + "\n";
    FileList documented;
    std::map<std::string, std::string> file_of_page;
    for (const pb::FileDescriptor* file : files) {
      if (!IsPrism(*file) || file->service_count() == 0) continue;
      documented.push_back(file);
      const auto [first, is_new] = file_of_page.emplace(PageOf(*file), file->name());
      if (!is_new) *error += file->name() + ": its page has the name of that of " + first->second;
    }
    if (!error->empty()) return false;

    for (const pb::FileDescriptor* file : documented) {
      WritePage(*file, OutputFile(*context, PageOf(*file) + ".md").printer());
    }
    WriteIndex(documented, OutputFile(*context, "README.md").printer());
    WriteRetryConfig(documented, OutputFile(*context, "retry.json").printer());
    OutputFile(*context, "openapi.json")
        .printer()
        .PrintRaw(OpenApiDocument(documented, Port::kData));
    OutputFile(*context, "openapi-admin.json")
        .printer()
        .PrintRaw(OpenApiDocument(documented, Port::kAdmin));
    return true;
  }
};

}  // namespace
}  // namespace prism::codegen

int main(int argc, char** argv) {
  const prism::codegen::Plugin plugin;
  return google::protobuf::compiler::PluginMain(argc, argv, &plugin);
}
