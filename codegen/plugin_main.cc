// protoc-gen-prism: the C++ of the contract. Parameter list=<path without suffix>: also writes the
// list of all interfaces there.

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>

#include <string>
#include <utility>
#include <vector>

#include "codegen/check.h"
#include "codegen/cpp_writer.h"
#include "codegen/names.h"
#include "codegen/output_file.h"

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

  bool GenerateAll(const std::vector<const pb::FileDescriptor*>& files,
                   const std::string& parameter, pb::compiler::GeneratorContext* context,
                   std::string* error) const override {
    std::vector<std::pair<std::string, std::string>> options;
    pb::compiler::ParseGeneratorParameter(parameter, &options);
    for (const auto& [key, value] : options) {
      if (key != "list") *error += "unknown parameter " + key + ": only list=<path> is known\n";
    }
    for (const std::string& complaint : CheckContract(files)) *error += complaint + "\n";
    if (!error->empty()) return false;

    for (const pb::FileDescriptor* file : files) {
      if (file->service_count() == 0) continue;
      const std::string base = WithoutSuffix(*file);
      WriteInterfaceHeader(*file, OutputFile(*context, base + ".prism.h").printer());
      WriteInterfaceSource(*file, OutputFile(*context, base + ".prism.cc").printer());
    }
    for (const auto& [key, path] : options) {
      WriteListHeader(OutputFile(*context, path + ".h").printer());
      WriteListSource(files, path + ".h", OutputFile(*context, path + ".cc").printer());
    }
    return true;
  }
};

}  // namespace
}  // namespace prism::codegen

int main(int argc, char** argv) {
  const prism::codegen::Plugin plugin;
  return google::protobuf::compiler::PluginMain(argc, argv, &plugin);
}
